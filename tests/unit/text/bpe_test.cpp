// Byte-pair encoding: closed cases, and the fast paths (cache, cuts, heap) against a plain search
// for the lowest rank.
#include "text/bpe.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "linscan/base/random.h"
#include "text_testing.h"

namespace linscan {
namespace {

using Merges = std::vector<std::pair<std::string, std::string>>;

std::shared_ptr<Vocabulary> make_vocabulary(const std::vector<std::string>& tokens) {
  auto vocabulary = std::make_shared<Vocabulary>();
  for (size_t i = 0; i < tokens.size(); ++i)
    vocabulary->add(tokens[i], static_cast<int64_t>(i), "test");
  return vocabulary;
}

Ids encode(const BpeModel& model, std::string_view piece) {
  ModelScratch scratch;
  Ids ids;
  model.encode(piece, scratch, ids);
  return ids;
}

TEST(Bpe, LowestRank_GoesFirst) {
  const auto vocabulary = make_vocabulary({"a", "b", "c", "bc", "ab", "abc"});
  const BpeModel model(vocabulary, {{"b", "c"}, {"a", "b"}, {"a", "bc"}}, {}, "$");
  EXPECT_EQ(encode(model, "abc"), (Ids{5}));
  EXPECT_EQ(encode(model, "abab"), (Ids{4, 4}));
}

TEST(Bpe, Ties_GoLeftmostFirst) {
  const auto vocabulary = make_vocabulary({"a", "aa"});
  const BpeModel model(vocabulary, {{"a", "a"}}, {}, "$");
  EXPECT_EQ(encode(model, "aaa"), (Ids{1, 0}));
  EXPECT_EQ(encode(model, std::string(1001, 'a')).size(), 501u);
}

TEST(Bpe, RepeatedMerge_LaterRankCounts) {
  const auto vocabulary = make_vocabulary({"a", "b", "c", "ab", "bc"});
  const BpeModel model(vocabulary, {{"a", "b"}, {"b", "c"}, {"a", "b"}}, {}, "$");
  EXPECT_EQ(encode(model, "abc"), (Ids{0, 4}));
}

TEST(Bpe, UnknownCharacter_DroppedWithoutUnkToken) {
  const auto vocabulary = make_vocabulary({"a", "b", "ab"});
  const BpeModel model(vocabulary, {{"a", "b"}}, {}, "$");
  EXPECT_EQ(encode(model, "xaxbx"), (Ids{2}));
}

TEST(Bpe, UnknownCharacters_FusedOnlyWhenAsked) {
  const auto vocabulary = make_vocabulary({"<unk>", "a"});
  const BpeModel fused(vocabulary, {}, {.unk_token = "<unk>", .fuse_unk = true}, "$");
  const BpeModel single(vocabulary, {}, {.unk_token = "<unk>", .fuse_unk = false}, "$");
  EXPECT_EQ(encode(fused, "xyaz"), (Ids{0, 1, 0}));
  EXPECT_EQ(encode(single, "xyaz"), (Ids{0, 0, 1, 0}));
}

TEST(Bpe, ByteFallback_OnlyWhenEveryByteHasAToken) {
  const auto vocabulary = make_vocabulary({"<unk>", "a", "<0xC3>", "<0xA9>"});
  const BpeModel model(vocabulary, {}, {.unk_token = "<unk>", .byte_fallback = true}, "$");
  EXPECT_EQ(encode(model, "a\xC3\xA9"), (Ids{1, 2, 3}));
  EXPECT_EQ(encode(model, "a\xC3\xA8"), (Ids{1, 0}));
  // As in HF the waiting unknown token comes behind bytes that follow it.
  EXPECT_EQ(encode(model, "\xC3\xA8\xC3\xA9"), (Ids{2, 3, 0}));
}

TEST(Bpe, IgnoreMerges_TakesWholePieces) {
  const auto vocabulary = make_vocabulary({"a", "b", "ab", "abab"});
  const BpeModel model(vocabulary, {{"a", "b"}}, {.ignore_merges = true}, "$");
  EXPECT_EQ(encode(model, "abab"), (Ids{3}));
  EXPECT_EQ(encode(model, "ababab"), (Ids{2, 2, 2}));
}

TEST(Bpe, IdZero_IsAToken) {
  const auto vocabulary = make_vocabulary({"a"});
  EXPECT_EQ(encode(BpeModel(vocabulary, {}, {}, "$"), "aa"), (Ids{0, 0}));
}

TEST(Bpe, MergeOfUnknownToken_IsRefused) {
  const auto vocabulary = make_vocabulary({"a", "b"});
  EXPECT_ERROR_WITH(BpeModel(vocabulary, {{"a", "b"}}, {}, "$.model"),
                    "$.model.merges[0]: \"ab\" is not in the vocabulary");
  EXPECT_ERROR_WITH(BpeModel(vocabulary, {{"a", "x"}}, {}, "$.model"),
                    "\"x\" is not in the vocabulary");
}

// The definition: merge the leftmost pair of the lowest rank until none is left.
Ids reference(const Vocabulary& vocabulary, const Merges& merges, std::string_view text) {
  std::vector<std::string> symbols;
  for (const char c : text) symbols.emplace_back(1, c);
  for (bool merged = true; merged;) {
    merged = false;
    for (const auto& [left, right] : merges) {
      for (size_t i = 0; i + 1 < symbols.size() && !merged; ++i) {
        if (symbols[i] != left || symbols[i + 1] != right) continue;
        symbols[i] += symbols[i + 1];
        symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        merged = true;
      }
      if (merged) break;
    }
  }
  Ids ids;
  for (const std::string& symbol : symbols) ids.push_back(vocabulary.find(symbol));
  return ids;
}

TEST(Bpe, RandomMerges_AgreeWithTheDefinition) {
  Random random(11);
  for (int round = 0; round < 60; ++round) {
    std::vector<std::string> tokens{"a", "b", "c", "d"};
    Merges merges;
    for (int i = 0; i < 30; ++i) {
      const std::string left = tokens[random.below(tokens.size())];
      const std::string right = tokens[random.below(tokens.size())];
      if (left.size() + right.size() > 9) continue;
      if (std::find(merges.begin(), merges.end(), std::pair(left, right)) != merges.end()) continue;
      merges.emplace_back(left, right);
      if (std::find(tokens.begin(), tokens.end(), left + right) == tokens.end())
        tokens.push_back(left + right);
    }
    const auto vocabulary = make_vocabulary(tokens);
    const BpeModel model(vocabulary, merges, {}, "$");
    ModelScratch scratch;
    for (const size_t length : {1, 2, 7, 16, 17, 29, 31, 60, 150}) {
      std::string text;
      for (size_t i = 0; i < length; ++i) text += static_cast<char>('a' + random.below(4));
      Ids ids;
      model.encode(text, scratch, ids);
      EXPECT_EQ(ids, reference(*vocabulary, merges, text)) << text;
      Ids again;  // now from the cache
      model.encode(text, scratch, again);
      EXPECT_EQ(again, ids);
    }
  }
}

TEST(Tokenizer, ManyThreads_GiveTheSameIds) {
  const Tokenizer tokenizer = load_json(tiny_json());
  const Ids expected = tokenizer.encode("abcabcbcabacb", false);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i)
        wrong[t] += tokenizer.encode("abcabcbcabacb", false) != expected;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace linscan
