// Malformed tokenizer files: one line that names file and place, never a crash.
#include <gtest/gtest.h>

#include <string>

#include "linscan/base/random.h"
#include "linscan/text/tokenizer.h"
#include "text_testing.h"

namespace linscan {
namespace {

void expect_refused(const std::string& content, const std::string& part) {
  EXPECT_ERROR_WITH(load_json(content), part);
}

TEST(HostileTokenizer, NotJson_IsRefused) {
  expect_refused("", "not valid JSON");
  expect_refused("{", "not valid JSON");
  expect_refused("[]", "expected a JSON object");
  expect_refused("3", "expected a JSON object");
  expect_refused("{\"a\": \"\xFF\"}", "not valid JSON");
  expect_refused(std::string(100000, '['), "expected a JSON object");
  expect_refused("{\"a\":" + std::string(100000, '['), "nested deeper than 64 levels");
  expect_refused(R"({"model": {"x": )" + std::string(1000, '['), "nested deeper");
  expect_refused(R"({"model": {"vocab": )" + std::string(1000, '['), "expected [token, score]");
  expect_refused(R"({"a": 1, "a": 2})", "$.a appears twice");
}

TEST(HostileTokenizer, Model_IsChecked) {
  expect_refused("{}", "$: \"model\" is missing");
  expect_refused(R"({"model": 3})", "$.model: expected an object, got number");
  expect_refused(R"({"model": {"type": "Unigram", "vocab": {}}})",
                 "$.model.vocab: missing, or not a list of [token, score]");
  expect_refused(R"({"model": {"vocab": {"a": 0}}})",
                 "model type \"without merges or scores\" is not supported");
  expect_refused(R"({"model": {"type": "WordPiece", "vocab": {}}})", "\"WordPiece\"");
  expect_refused(R"({"model": {"type": "BPE", "merges": []}})", "$.model.vocab: missing");
  expect_refused(R"({"model": {"type": "BPE", "vocab": {}}})", "$.model.merges: missing");
  expect_refused(R"({"model": {"type": "BPE", "vocab": {}, "merges": {}}})",
                 "$.model.merges: missing");
  expect_refused(tiny_json("", R"(, "dropout": 0.1)"), "$.model.dropout");
  expect_refused(tiny_json("", R"(, "end_of_word_suffix": "</w>")"),
                 "$.model.end_of_word_suffix: \"</w>\"");
  expect_refused(tiny_json("", R"(, "unk_token": "<nowhere>")"),
                 "$.model.unk_token: \"<nowhere>\" is not in the vocabulary");
  expect_refused(tiny_json("", R"(, "fuse_unk": "yes")"),
                 "$.model.fuse_unk: expected true or false, got string");
}

TEST(HostileTokenizer, Vocabulary_IsChecked) {
  const auto with = [](const std::string& vocabulary) {
    return R"({"model": {"type": "BPE", "vocab": )" + vocabulary + R"(, "merges": []}})";
  };
  expect_refused(with(R"({"a": "0"})"), "token \"a\": expected an id");
  expect_refused(with(R"({"a": -1})"), "token \"a\": expected an id");
  expect_refused(with(R"({"a": 1.5})"), "token \"a\": expected an id");
  expect_refused(with(R"({"a": {}})"), "token \"a\": expected an id, got an object");
  expect_refused(with(R"({"a": 2147483647})"), "has id 16777216, expected 0 to 16777215");
  expect_refused(with(R"({"a": 18446744073709551615})"), "expected 0 to 16777215");
  expect_refused(with(R"({"a": 0, "a": 1})"), "token \"a\" appears twice");
}

TEST(HostileTokenizer, Scores_AreChecked) {
  const auto with = [](const std::string& vocabulary, const std::string& rest = "") {
    return R"({"model": {"type": "Unigram", "vocab": [)" + vocabulary + "]" + rest + "}}";
  };
  expect_refused(with(R"("a")"), "$.model.vocab[0]: expected [token, score]");
  expect_refused(with("1"), "$.model.vocab[0]: expected [token, score]");
  expect_refused(with(R"(["a"])"), "$.model.vocab[0]: expected token and score, got 1 of them");
  expect_refused(with(R"(["a", 1], [])"), "$.model.vocab[1]: expected token and score, got 0");
  expect_refused(with(R"(["a", 1, 2])"), "expected [token, score]");
  expect_refused(with(R"([1, "a"])"), "$.model.vocab[0]: expected [token, score]");
  expect_refused(with(R"(["a", "b"])"), "$.model.vocab[0]: expected [token, score]");
  expect_refused(with(R"(["a", null])"), "$.model.vocab[0]: expected [token, score]");
  expect_refused(with(R"(["a", 1], {"b": 2})"), "$.model.vocab[1]: expected [token, score]");
  expect_refused(with(R"(["a", 1], ["a", 2])"), "$.model.vocab[1]: token \"a\" appears twice");
  expect_refused(with(R"(["a", 1e999])"), "not valid JSON");
  expect_refused(with(R"(["a", 1])", R"(, "unk_id": 1)"), "$.model.unk_id: 1 is not below");
  expect_refused(with(R"(["a", 1])", R"(, "unk_id": -1)"), "$.model.unk_id: expected a whole");
  expect_refused(with(R"(["a", 1])", R"(, "vocab": {})"), "$.model.vocab appears twice");
  EXPECT_EQ(load_json(with(R"(["a", -1], ["b", -2.5])", R"(, "unk_id": 0)")).encode("ba", false),
            (Ids{1, 0}));
}

TEST(HostileTokenizer, Merges_AreChecked) {
  const auto with = [](const std::string& merges) {
    return R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": [)" + merges + "]}}";
  };
  expect_refused(with(R"("ab")"), "$.model.merges[0]: expected two tokens with one space");
  expect_refused(with(R"("a b c")"), "$.model.merges[0]");
  expect_refused(with(R"(["a"])"), "$.model.merges[0]: expected two tokens, got 1");
  expect_refused(with(R"(["a", "b", "c"])"), "$.model.merges[0]: expected two tokens, got more");
  expect_refused(with("7"), "$.model.merges[0]: expected \"left right\"");
  expect_refused(with(R"("a b")"), "$.model.merges[0]: \"ab\" is not in the vocabulary");
}

TEST(HostileTokenizer, UnknownComponents_AreNamedWithTheirPath) {
  expect_refused(tiny_json(R"(, "normalizer": {"type": "BertNormalizer"})"),
                 "$.normalizer: normalizer \"BertNormalizer\" is not supported");
  expect_refused(tiny_json(R"(, "normalizer": {"type": "Precompiled"})"),
                 "$.normalizer: \"precompiled_charsmap\" is missing");
  expect_refused(
      tiny_json(R"(, "normalizer": {"type": "Precompiled", "precompiled_charsmap": "AA"})"),
      "$.normalizer.precompiled_charsmap: not valid base64");
  expect_refused(
      tiny_json(R"(, "normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"})"),
      "$.normalizer.precompiled_charsmap: 3 bytes hold no trie");
  expect_refused(
      tiny_json(
          R"(, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "BertPreTokenizer"}]})"),
      "$.pre_tokenizer.pretokenizers[0]: pre-tokenizer \"BertPreTokenizer\"");
  expect_refused(tiny_json(R"(, "post_processor": {"type": "X"})"),
                 "$.post_processor: post-processor \"X\"");
  expect_refused(tiny_json(R"(, "decoder": {"type": "WordPiece"})"),
                 "$.decoder: decoder \"WordPiece\"");
  expect_refused(
      tiny_json(
          R"(, "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"})"),
      "$.pre_tokenizer.pattern.Regex: the regular expression \"(\" cannot be compiled");
  expect_refused(tiny_json(R"(, "pre_tokenizer": {"type": "Metaspace", "replacement": "ab"})"),
                 "$.pre_tokenizer.replacement: expected one character");
}

TEST(HostileTokenizer, AddedTokens_AreChecked) {
  expect_refused(tiny_json(R"(, "added_tokens": [{"id": 0}])"),
                 "$.added_tokens[0]: \"content\" is missing");
  expect_refused(tiny_json(R"(, "added_tokens": [{"id": 4000000000, "content": "x"}])"),
                 "$.added_tokens[0].id: expected a whole number");
  expect_refused(
      R"({"added_tokens": [{"id": 3, "content": "x"}], "model": {"type": "BPE", "vocab": {"a": 0, "b": 2}, "merges": []}})",
      "added token \"x\" would get id 2, which \"b\" has");
  expect_refused(tiny_json(R"(, "added_tokens": 3)"), "$.added_tokens: expected an array");
}

// HF ignores the id in the file; so do we, with a warning.
TEST(HostileTokenizer, AddedTokenWithAnotherId_GetsItsPlace) {
  const Tokenizer tokenizer = load_json(tiny_json(
      R"(, "added_tokens": [{"id": 12, "content": "<y>", "special": true}, {"id": 9, "content": "a"}])"));
  EXPECT_EQ(tokenizer.encode("<y>a", false), (Ids{7, 1}));
  EXPECT_EQ(tokenizer.vocabulary_size(), 8);
}

TEST(HostileTokenizer, Template_IsChecked) {
  const auto with = [](const std::string& single, const std::string& special) {
    return tiny_json(R"(, "post_processor": {"type": "TemplateProcessing", "single": )" + single +
                     R"(, "special_tokens": )" + special + "}");
  };
  const std::string text = R"({"Sequence": {"id": "A"}})";
  expect_refused(with("[]", "{}"), "a template without the text");
  expect_refused(with("[" + text + "," + text + "]", "{}"), "repeats the text");
  expect_refused(with(R"([{"SpecialToken": {"id": "<x>"}}, )" + text + "]", "{}"),
                 "\"<x>\" is not among the special_tokens");
  expect_refused(
      with(R"([{"SpecialToken": {"id": "<x>"}}, )" + text + "]", R"({"<x>": {"ids": [99]}})"),
      "adds id 99");
}

// Every truncation and many random byte changes of a good file: loads, or one Error.
TEST(HostileTokenizer, DamagedFiles_NeverCrash) {
  const std::string bpe = tiny_json(
      R"(, "added_tokens": [{"id": 0, "content": "<s>", "special": true}], "normalizer": {"type": "NFC"},
         "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, "decoder": {"type": "ByteLevel"})");
  const TemporaryFolder folder;
  const auto try_load = [&](const std::string& content) {
    folder.write("tokenizer.json", content);
    try {
      Tokenizer::load(folder.path()).encode("abc <s> x", true);
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  };
  const std::string unigram =
      R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "BAAAAAAAAABhYgA="},
          "pre_tokenizer": {"type": "Metaspace", "replacement": "_"},
          "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": true,
                    "vocab": [["<unk>", 0.0], ["_", -2.5e-1], ["a", -3], ["_a", -1.25]]}})";
  try_load(unigram);
  for (const std::string& good : {bpe, unigram}) {
    for (size_t length = 0; length < good.size(); length += 3) try_load(good.substr(0, length));
  }
  Random random(5);
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = round % 2 == 0 ? bpe : unigram;
    for (uint64_t n = 1 + random.below(3); n > 0; --n)
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    try_load(damaged);
  }
}

TEST(HostileTokenizer, SentencepieceGarbage_IsRefused) {
  const TemporaryFolder folder;
  folder.write("tokenizer.model", "");
  EXPECT_ERROR_WITH(Tokenizer::load(folder.path()), "is empty");
  folder.write("tokenizer.model", std::string(1000, '\x7f'));
  EXPECT_ERROR_WITH(Tokenizer::load(folder.path()), "not a sentencepiece model");
}

}  // namespace
}  // namespace linscan
