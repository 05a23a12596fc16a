#include "linscan/eval/perplexity.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <numeric>

namespace linscan {
namespace {

std::vector<int32_t> counting(int32_t count) {
  std::vector<int32_t> ids(static_cast<size_t>(count));
  std::iota(ids.begin(), ids.end(), 100);
  return ids;
}

// Which tokens a window predicts, and behind what it does so.
struct Prediction {
  std::vector<int32_t> input;
  std::vector<int32_t> predicted;
  bool operator==(const Prediction&) const = default;
};

std::vector<Prediction> predictions(const std::vector<ScoreRequest>& windows) {
  std::vector<Prediction> all;
  for (const ScoreRequest& window : windows) {
    all.push_back({{window.ids.begin(), window.ids.end() - 1},
                   {window.ids.end() - window.scored, window.ids.end()}});
  }
  return all;
}

TEST(RollingWindows, LongText_FullWindowsSeeOneTokenTheLastSeesAll) {
  const std::vector<Prediction> got = predictions(rolling_windows(counting(10), 7, 4));
  const std::vector<Prediction> expected = {
      {{7, 100, 101, 102}, {100, 101, 102, 103}},
      {{103, 104, 105, 106}, {104, 105, 106, 107}},
      {{105, 106, 107, 108}, {108, 109}},
  };
  EXPECT_EQ(got, expected);
}

TEST(RollingWindows, ShortText_OneWindowBehindThePrefix) {
  EXPECT_EQ(predictions(rolling_windows(counting(1), 7, 4)),
            (std::vector<Prediction>{{{7}, {100}}}));
  EXPECT_EQ(predictions(rolling_windows(counting(4), 7, 4)),
            (std::vector<Prediction>{{{7, 100, 101, 102}, {100, 101, 102, 103}}}));
  EXPECT_TRUE(rolling_windows({}, 7, 4).empty());
}

TEST(ChunkedWindows, StrideOfAWindow_EachStandsAlone) {
  const std::vector<Prediction> got = predictions(chunked_windows(counting(9), 4, 4));
  const std::vector<Prediction> expected = {
      {{100, 101, 102}, {101, 102, 103}},
      {{104, 105, 106}, {105, 106, 107}},
  };
  EXPECT_EQ(got, expected);  // the last window has one token and scores nothing
}

TEST(ChunkedWindows, SmallerStride_ScoresEveryTokenButTheFirstOnce) {
  const std::vector<Prediction> got = predictions(chunked_windows(counting(9), 4, 3));
  const std::vector<Prediction> expected = {
      {{100, 101, 102}, {101, 102, 103}},
      {{103, 104, 105}, {104, 105, 106}},
      {{106, 107}, {107, 108}},
  };
  EXPECT_EQ(got, expected);
  for (const int64_t stride : {1, 2, 5}) {
    EXPECT_EQ(count_scored(chunked_windows(counting(23), 6, stride)), 22) << stride;
  }
}

TEST(ChunkedWindows, LastWindow_IsTheFirstThatReachesTheEnd) {
  EXPECT_EQ(chunked_windows(counting(6), 4, 2).size(), 2U);
  EXPECT_EQ(chunked_windows(counting(7), 4, 2).size(), 3U);
  EXPECT_TRUE(chunked_windows(counting(1), 4, 2).empty());
}

TEST(SummarizePerplexity, NothingScored_IsNullWithAReason) {
  PerplexityText text;
  text.raw = true;
  text.tokens = 1;
  const Json summary = summarize_perplexity(text, {}, 0, 0);
  EXPECT_TRUE(summary["chunked"].is_null());
  EXPECT_FALSE(summary.contains("word"));
  EXPECT_FALSE(summary["reason"].get<std::string>().empty());
}

TEST(SummarizePerplexity, KnownSums_GiveTheThreeFigures) {
  PerplexityText text;
  text.words = 4;
  text.bytes = 8;
  text.chunked = {{{1, 2, 3}, 2}};
  const Json summary = summarize_perplexity(text, {}, -2.0, -4.0);
  EXPECT_NEAR(summary["chunked"].get<double>(), std::exp(1.0), 1e-12);
  EXPECT_NEAR(summary["word"].get<double>(), std::exp(1.0), 1e-12);
  EXPECT_NEAR(summary["byte"].get<double>(), std::exp(0.5), 1e-12);
  EXPECT_NEAR(summary["bits_per_byte"].get<double>(), 0.5 / std::log(2.0), 1e-12);
}

TEST(SummarizePerplexity, OneRule_HasItsFiguresOnly) {
  PerplexityText text;
  text.words = 4;
  text.bytes = 8;
  const Json rolling = summarize_perplexity(text, {.chunked = false}, 0, -4.0);
  EXPECT_FALSE(rolling.contains("chunked"));
  EXPECT_FALSE(rolling.contains("reason"));
  EXPECT_NEAR(rolling["word"].get<double>(), std::exp(1.0), 1e-12);
  text.chunked = {{{1, 2, 3}, 2}};
  const Json chunked = summarize_perplexity(text, {.rolling = false}, -2.0, 0);
  EXPECT_NEAR(chunked["chunked"].get<double>(), std::exp(1.0), 1e-12);
  EXPECT_FALSE(chunked.contains("word") || chunked.contains("byte"));
}

}  // namespace
}  // namespace linscan
