#include "linscan/analyze/statistics_sink.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "linscan/base/json.h"
#include "unit/stats/test_data.h"

namespace linscan {
namespace {

constexpr MetricChoice kAll{.linearity = true, .baselines = true, .geometry = true, .tokens = true};
constexpr int64_t kFolds = 3;
constexpr int64_t kWindow = 10;  // tokens

// Rows of three states: before block 0, after it, after block 1.
std::vector<at::Tensor> states(int64_t rows, int64_t width) {
  std::vector<at::Tensor> list = {(normal(rows, width, 1) + 2).to(at::kFloat)};
  for (uint64_t block = 0; block < 2; ++block) {
    const at::Tensor x = list.back().to(at::kDouble);
    list.push_back((x + at::gelu(x.mm(normal(width, width, 5 + block)) / 4.0)).to(at::kFloat));
  }
  return list;
}

// Feeds the rows in batches of `windows` windows that do not cross a fold, as the engine would.
StatisticsSink fed(const std::vector<at::Tensor>& states,
                   int64_t windows,
                   const MetricChoice& metrics) {
  const int64_t rows = states.front().size(0);
  std::vector<int64_t> sampled;
  for (int64_t row = 0; row < rows; row += 2) {
    sampled.push_back(row);
  }
  StatisticsSink sink({.metrics = metrics,
                       .folds = kFolds,
                       .blocks = 2,
                       .sampled_rows = sampled,
                       .two_nn = {},
                       .workers = 2});
  for (int64_t block = 0; block < 2; ++block) {
    for (int64_t fold = 0; fold < kFolds; ++fold) {
      const int64_t end = rows * (fold + 1) / kFolds;
      for (int64_t row = rows * fold / kFolds; row < end; row += windows * kWindow) {
        const int64_t stop = std::min(end, row + windows * kWindow);
        const at::Tensor x = states[static_cast<size_t>(block)].slice(0, row, stop);
        const at::Tensor y = states[static_cast<size_t>(block) + 1].slice(0, row, stop);
        const BatchLayout layout(
            std::vector<int64_t>(static_cast<size_t>((stop - row) / kWindow), kWindow));
        const at::Tensor first = at::arange(0, stop - row, kWindow, at::kLong);
        sink.observe({block,
                      fold,
                      row,
                      layout,
                      first,
                      x,
                      x,
                      x,
                      x,
                      y,
                      block == 1 ? at::relu(y) : at::Tensor(),
                      {}});
      }
    }
    sink.finish_block(block);
  }
  return sink;
}

void expect_same(const TargetScores& a, const TargetScores& b, double tolerance) {
  EXPECT_NEAR(*a.in_sample.value, *b.in_sample.value, tolerance);
  EXPECT_NEAR(*a.held_out.value, *b.held_out.value, tolerance);
  EXPECT_NEAR(a.held_out_interval->first, b.held_out_interval->first, tolerance);
}

TEST(StatisticsSink, AnyBatching_ScoresAsAllRowsAtOnce) {
  const std::vector<at::Tensor> rows = states(600, 16);
  for (const int64_t windows : {1, 3, 20}) {
    const StatisticsSink sink = fed(rows, windows, kAll);
    ASSERT_EQ(sink.blocks().size(), 2U);
    for (size_t block = 0; block < 2; ++block) {
      const at::Tensor x = rows[block].to(at::kDouble);
      const at::Tensor y = rows[block + 1].to(at::kDouble);
      const PairScores expected = score_pair(moments_of(x, y, kFolds), {});
      const BlockScores& scores = sink.blocks()[block];
      expect_same(scores.linearity->stream, expected.linearity.stream, 1e-11);
      expect_same(scores.linearity->update, expected.linearity.update, 1e-11);
      EXPECT_NEAR(*scores.baselines->cca.value, *expected.baselines.cca.value, 1e-11);
      EXPECT_NEAR(*scores.geometry->anisotropy.value, oracle::anisotropy(to_eigen(y)), 1e-11);
      EXPECT_EQ(*scores.geometry->intrinsic_dimension.value,
                *intrinsic_dimension(
                     rows[block + 1].index_select(0, at::arange(0, 600, 2, at::kLong)), {})
                     .value);
    }
    const at::Tensor x = rows[1].to(at::kDouble);
    const PairScores normed =
        score_pair(moments_of(x, at::relu(rows[2]).to(at::kDouble), kFolds), {});
    expect_same(sink.post_norm()->linearity->update, normed.linearity.update, 1e-11);
    EXPECT_NEAR(
        *sink.embedding_geometry()->anisotropy.value, oracle::anisotropy(to_eigen(rows[0])), 1e-11);
  }
}

TEST(StatisticsSink, FirstTokens_AreLeftOutExactly) {
  std::vector<at::Tensor> rows = states(600, 16);
  const at::Tensor first = at::arange(0, 600, kWindow, at::kLong);
  rows[0].index_fill_(0, first, 50);  // sinks: far from all other tokens
  rows[1].index_fill_(0, first, 50000);
  rows[2].index_fill_(0, first, 50000);
  const at::Tensor rest = (at::arange(600, at::kLong).remainder(kWindow) != 0).nonzero().squeeze(1);
  const StatisticsSink sink = fed(rows, 4, kAll);
  for (size_t block = 0; block < 2; ++block) {
    const FirstTokenScores& scores = *sink.blocks()[block].tokens;
    const at::Tensor x = rows[block].index_select(0, rest).to(at::kDouble);
    const at::Tensor y = rows[block + 1].index_select(0, rest).to(at::kDouble);
    const LinearityScores expected =
        score_pair(moments_of(x, y, kFolds), {.baselines = false}).linearity;
    expect_same(scores.without_first.stream, expected.stream, 1e-7);
    expect_same(scores.without_first.update, expected.update, 1e-7);
    EXPECT_EQ(scores.count, 60);
    EXPECT_EQ(scores.rest->n, 540);
    EXPECT_NEAR(scores.norm_out, 50000 * 4, 1e-6);
    EXPECT_NEAR(*scores.variance_share.value, 0.9, 1e-4);  // nine tenths, whatever their size
  }
}

TEST(StatisticsSink, NotFiniteStates_FailTheirBlockOnly) {
  std::vector<at::Tensor> rows = states(90, 4);
  rows[2][5][1] = std::numeric_limits<float>::infinity();
  const StatisticsSink sink = fed(rows, 2, kAll);
  EXPECT_TRUE(sink.blocks()[0].failure.empty());
  EXPECT_EQ(sink.blocks()[1].failure, "the states of this block are not finite");
  EXPECT_EQ(to_json(sink.blocks()[1]).dump(),
            R"({"missing":{"*":"the states of this block are not finite"}})");
}

TEST(StatisticsSink, ChosenMetrics_AreTheOnlyOnes) {
  const StatisticsSink sink = fed(states(90, 4), 2, {.geometry = true});
  const Json json = to_json(sink.blocks()[0]);
  EXPECT_TRUE(json.contains("geometry"));
  for (const char* absent : {"linearity", "baselines", "tokens", "cosine"}) {
    EXPECT_FALSE(json.contains(absent)) << absent;
  }
}

TEST(BlockScoresJson, MissingAndNotFiniteNumbers_AreNullWithAReason) {
  BlockScores scores;
  scores.linearity.emplace();
  scores.linearity->stream.in_sample = Score::of(std::nan(""));
  scores.linearity->stream.adjusted = Score::missing("too few tokens");
  scores.linearity->update.in_sample = Score::of(0.5);
  const Json json = to_json(scores);
  EXPECT_TRUE(json["linearity"]["stream"]["in_sample"].is_null());
  EXPECT_TRUE(json["linearity"]["stream"]["held_out_ci"].is_null());
  EXPECT_EQ(json["linearity"]["update"]["in_sample"], 0.5);
  EXPECT_EQ(json["missing"]["linearity.stream.in_sample"], "the value is not finite");
  EXPECT_EQ(json["missing"]["linearity.stream.adjusted"], "too few tokens");
  EXPECT_FALSE(json["missing"].contains("linearity.update.in_sample"));
}

TEST(BlockScoresJson, NumbersOfARun_AreFiniteOrMissing) {
  const StatisticsSink sink = fed(states(30, 12), 1, kAll);  // 20 training tokens for 12 features
  for (const BlockScores& scores : sink.blocks()) {
    const Json json = to_json(scores);
    const Json flat = json.flatten();
    for (const auto& [path, value] : flat.items()) {
      EXPECT_TRUE(!value.is_number() || std::isfinite(value.get<double>())) << path;
      EXPECT_TRUE(!value.is_null() || json.contains("missing")) << path;
    }
  }
}

}  // namespace
}  // namespace linscan
