// Unigram: closed cases, the search against all spellings, the trie against a plain search, and
// numbers as HF reads them.
#include "text/unigram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "linscan/base/random.h"
#include "text/json_number.h"
#include "text_testing.h"

namespace linscan {
namespace {

using Pieces = std::vector<std::pair<std::string, double>>;

UnigramModel make_model(const Pieces& pieces, const UnigramOptions& options) {
  auto vocabulary = std::make_shared<Vocabulary>();
  std::vector<double> scores;
  for (const auto& [token, score] : pieces) {
    vocabulary->add(token, static_cast<int64_t>(scores.size()), "test");
    scores.push_back(score);
  }
  return UnigramModel(std::move(vocabulary), std::move(scores), options, "$.model");
}

Ids encode(const UnigramModel& model, std::string_view piece) {
  ModelScratch scratch;
  Ids ids;
  model.encode(piece, scratch, ids);
  Ids again;  // from the cache, where it fits
  model.encode(piece, scratch, again);
  EXPECT_EQ(again, ids);
  return ids;
}

TEST(Unigram, HighestSum_Wins) {
  const UnigramModel model =
      make_model({{"<unk>", 0}, {"a", -1}, {"b", -1}, {"ab", -3}, {"c", -1}, {"abc", -2.5}}, {{0}});
  EXPECT_EQ(encode(model, "ab"), (Ids{1, 2}));
  EXPECT_EQ(encode(model, "abc"), (Ids{5}));
  EXPECT_EQ(encode(model, "cab"), (Ids{4, 1, 2}));
}

TEST(Unigram, EqualSums_LongerLastTokenWins) {
  const UnigramModel model = make_model({{"<unk>", 0}, {"a", -1}, {"aa", -2}}, {{0}});
  EXPECT_EQ(encode(model, "aa"), (Ids{2}));
  EXPECT_EQ(encode(model, "aaa"), (Ids{1, 2}));
}

TEST(Unigram, UnknownCharacters_BecomeOne) {
  const UnigramModel model = make_model({{"<unk>", 0}, {"a", -1}}, {{0}});
  EXPECT_EQ(encode(model, "xya\xC3\xA9"), (Ids{0, 1, 0}));
  // The unknown token spelled out joins its neighbours too.
  EXPECT_EQ(encode(model, "x<unk>a"), (Ids{0, 1}));
}

TEST(Unigram, UnknownRunOfAnyLength_BecomesOne) {
  const UnigramModel model = make_model({{"<unk>", 0}, {"a", -1}}, {{0}});
  EXPECT_EQ(encode(model, std::string(3000, 'x') + "a" + std::string(5000, 'x')), (Ids{0, 1, 0}));
  EXPECT_EQ(encode(model, std::string(5000, 'a') + "xx").size(), 5001u);
}

TEST(Unigram, ByteFallback_OnlyWhenEveryByteHasAToken) {
  const UnigramModel model = make_model({{"<unk>", 0}, {"a", -1}, {"<0xC3>", -5}, {"<0xA9>", -5}},
                                        {.unk_id = 0, .byte_fallback = true});
  EXPECT_EQ(encode(model, "a\xC3\xA9"), (Ids{1, 2, 3}));
  EXPECT_EQ(encode(model, "a\xC3\xA8"), (Ids{1, 0}));
  EXPECT_EQ(encode(model, "\xC3\xA9\xC3\xA9"), (Ids{2, 3, 2, 3}));
  EXPECT_EQ(encode(model, "\xC3\xA9\xC3\xA8"), (Ids{0}));  // fused before they are spelled
}

TEST(Unigram, NoUnkId_FailsWhereOneIsNeeded) {
  const UnigramModel model = make_model({{"a", -1}, {"ab", -2}}, {});
  EXPECT_EQ(encode(model, "aba"), (Ids{1, 0}));
  EXPECT_ERROR_WITH(encode(model, "abb"), "$.model: no token covers \"b\", and there is no unk_id");
}

TEST(Unigram, UnkId_MustBeInTheVocabulary) {
  EXPECT_ERROR_WITH(make_model({{"a", -1}}, {{1}}), "$.model.unk_id: 1 is not below the 1 tokens");
  EXPECT_ERROR_WITH(make_model({}, {{0}}), "$.model.unk_id: 0 is not below the 0 tokens");
}

// The best sum over all ways to cut the text.
double best_sum(const Pieces& pieces, std::string_view text) {
  std::vector<double> best(text.size() + 1, -std::numeric_limits<double>::infinity());
  best[0] = 0.0;
  for (size_t end = 1; end <= text.size(); ++end) {
    for (const auto& [token, score] : pieces) {
      if (text.substr(0, end).ends_with(token))
        best[end] = std::max(best[end], best[end - token.size()] + score);
    }
  }
  return best.back();
}

TEST(Unigram, RandomScores_ReachTheBestSum) {
  Random random(3);
  for (int round = 0; round < 200; ++round) {
    // Multiples of 1/8: sums are exact in any order. Every letter is a token.
    const auto score = [&] { return -static_cast<double>(random.below(40)) / 8; };
    Pieces pieces{{"a", score()}, {"b", score()}, {"c", score()}};
    const auto letters = [&](uint64_t count) {
      std::string text;
      while (text.size() < count) text += static_cast<char>('a' + random.below(3));
      return text;
    };
    for (int i = 0; i < 20; ++i) {
      const std::string token = letters(2 + random.below(3));
      const bool is_new = std::none_of(
          pieces.begin(), pieces.end(), [&](const auto& piece) { return piece.first == token; });
      if (is_new) pieces.emplace_back(token, score());
    }
    // Long ones are settled and written bit by bit.
    const std::string text = letters(1 + random.below(round % 4 == 0 ? 8000 : 10));
    double sum = 0.0;
    std::string spelled;
    for (const int32_t id : encode(make_model(pieces, {}), text)) {
      sum += pieces[static_cast<size_t>(id)].second;
      spelled += pieces[static_cast<size_t>(id)].first;
    }
    EXPECT_EQ(spelled, text);
    EXPECT_EQ(sum, best_sum(pieces, text)) << text;
  }
}

TEST(PrefixTrie, RandomKeys_AgreeWithAPlainSearch) {
  Random random(5);
  for (const size_t count : {size_t{0}, size_t{1}, size_t{30}, size_t{3000}}) {
    std::vector<std::string> keys;
    for (size_t i = 0; i < count; ++i) {
      std::string key;
      const uint64_t alphabet = random.below(4) == 0 ? 256 : 3;
      for (uint64_t n = 1 + random.below(6); n > 0; --n)
        key += static_cast<char>(random.below(alphabet));
      keys.push_back(key);
    }
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    std::vector<std::pair<std::string_view, int32_t>> entries;
    for (const std::string& key : keys)
      entries.emplace_back(key, static_cast<int32_t>(entries.size()));
    const PrefixTrie trie(entries);
    for (int round = 0; round < 2000; ++round) {
      std::string text;
      for (uint64_t n = random.below(9); n > 0; --n)
        text += static_cast<char>(random.below(random.below(4) == 0 ? 256 : 3));
      std::vector<std::pair<size_t, int32_t>> expected;
      for (size_t length = 1; length <= text.size(); ++length) {
        const auto found = std::lower_bound(keys.begin(), keys.end(), text.substr(0, length));
        if (found != keys.end() && *found == text.substr(0, length))
          expected.emplace_back(length, static_cast<int32_t>(found - keys.begin()));
      }
      std::vector<std::pair<size_t, int32_t>> got;
      trie.for_each_prefix(text, [&](size_t length, int32_t id) { got.emplace_back(length, id); });
      EXPECT_EQ(got, expected);
    }
  }
}

TEST(JsonNumber, TwoRoundings_AsHf) {
  EXPECT_EQ(read_json_number("-1.5"), -1.5);
  EXPECT_EQ(read_json_number("0.1"), 0.1);
  EXPECT_EQ(read_json_number("12e2"), 1200.0);
  EXPECT_EQ(read_json_number("1E+2"), 100.0);
  EXPECT_EQ(read_json_number("-0.0"), 0.0);
  EXPECT_EQ(read_json_number("5e-324"), 5e-324);
  EXPECT_EQ(read_json_number("1e-400"), 0.0);
  EXPECT_EQ(read_json_number("0e999999999999"), 0.0);
  EXPECT_EQ(read_json_number("1e309"), std::nullopt);
  EXPECT_EQ(read_json_number("1e999999999999"), std::nullopt);
  // 17 digits do not fit 53 bits: the whole number is rounded, then the quotient.
  EXPECT_EQ(read_json_number("-13.436424411240122"), -13436424411240122.0 / 1e15);
  // Digits beyond 64 bits are cut off, not rounded.
  EXPECT_EQ(read_json_number("184467440737095516159.5"), 18446744073709551615.0 * 10);
  EXPECT_EQ(read_json_number("0.123456789012345678999999999"), 12345678901234567899.0 / 1e20);
}

}  // namespace
}  // namespace linscan
