// Normalizers, pre-tokenizers, post-processors, decoders and added tokens, through whole
// tokenizer.json files.
#include <gtest/gtest.h>

#include "linscan/text/tokenizer.h"
#include "text/regex.h"
#include "text_testing.h"

namespace linscan {
namespace {

constexpr const char* kBos =
    R"(, "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
       "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}})";

std::string added(const std::string& flags) {
  return R"(, "added_tokens": [{"id": 0, "content": "<s>", "special": true)" + flags + "}]";
}

TEST(Template, SpecialTokens_OnlyWhenAsked) {
  const Tokenizer tokenizer = load_json(tiny_json(kBos));
  EXPECT_EQ(tokenizer.encode("abc", true), (Ids{0, 5}));
  EXPECT_EQ(tokenizer.encode("abc", false), (Ids{5}));
  EXPECT_EQ(tokenizer.encode("", true), (Ids{0}));
  EXPECT_EQ(tokenizer.vocabulary_size(), 7);
}

TEST(EncodePrefix, Limit_CutsExactly) {
  const Tokenizer tokenizer = load_json(tiny_json(kBos));
  EXPECT_EQ(tokenizer.encode_prefix("abcabc", true, 2), (Ids{0, 5}));
  EXPECT_EQ(tokenizer.encode_prefix("abcabc", true, 0), Ids{});
}

TEST(AddedTokens, TouchingText_AreCutFirst) {
  const Tokenizer tokenizer = load_json(tiny_json(added(R"(, "normalized": false)")));
  EXPECT_EQ(tokenizer.encode("ab<s>c", false), (Ids{4, 0, 3}));
}

TEST(AddedTokens, SingleWord_NotInsideWords) {
  const Tokenizer tokenizer =
      load_json(tiny_json(added(R"(, "normalized": false, "single_word": true)")));
  EXPECT_EQ(tokenizer.encode("a<s>", false), (Ids{1}));  // its characters are unknown and dropped
  EXPECT_EQ(tokenizer.encode(" <s>.", false), (Ids{0}));
}

TEST(AddedTokens, Strip_TakesSpaces) {
  const std::string spaces =
      R"(, "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "Isolated"})";
  const Tokenizer tokenizer = load_json(
      tiny_json(added(R"(, "normalized": false, "lstrip": true, "rstrip": true)") + spaces));
  EXPECT_EQ(tokenizer.encode("a  <s>  b", false), (Ids{1, 0, 2}));
}

TEST(Normalizers, Sequence_AppliesInOrder) {
  const Tokenizer tokenizer = load_json(tiny_json(
      R"(, "normalizer": {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": "b"}, {"type": "Prepend", "prepend": "a"}]})"));
  EXPECT_EQ(tokenizer.encode(" \t C", false), (Ids{5}));
}

TEST(Metaspace, OldSpelling_MeansNever) {
  const std::string metaspace =
      R"(, "pre_tokenizer": {"type": "Metaspace", "replacement": "c", "add_prefix_space": false})";
  EXPECT_EQ(load_json(tiny_json(metaspace)).encode("ab", false), (Ids{4}));
}

TEST(Decoder, ByteLevel_ReplacesBrokenCharacters) {
  const Tokenizer tokenizer = load_json(
      R"({"decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "vocab": {"Ġa": 0, "Ã": 1, "©": 2}, "merges": []}})");
  EXPECT_EQ(tokenizer.decode(Ids{0, 1, 2}), " a\xC3\xA9");
  EXPECT_EQ(tokenizer.decode(Ids{1, 0}), "\xEF\xBF\xBD a");
  EXPECT_EQ(tokenizer.decode(Ids{0, 99}), " a");
}

TEST(Decoder, LlamaSequence_GivesTheTextBack) {
  const Tokenizer tokenizer = load_json(
      R"({"decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
          {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
          "model": {"type": "BPE", "vocab": {"▁a": 0, "<0xC3>": 1, "<0xA9>": 2, "▁": 3}, "merges": []}})");
  EXPECT_EQ(tokenizer.decode(Ids{0, 1, 2, 3}), "a\xC3\xA9 ");
  EXPECT_EQ(tokenizer.decode(Ids{0, 1}), "a\xEF\xBF\xBD");
}

TEST(Regex, WhiteSpace_HasNoMongolianVowelSeparator) {
  const Regex regex(R"(^\s$)", "test");
  EXPECT_TRUE(regex.matches("\xC2\xA0"));
  EXPECT_FALSE(regex.matches("\xE1\xA0\x8E"));
}

TEST(Regex, ClassInsideAClass_IsAUnion) {
  EXPECT_EQ(translate_regex("[^(x|[.,[?!]])]+[a]", "f"), "[^(x|.,?!)]+[a]");
  const Regex regex("^[^a[bc]]$", "f");
  EXPECT_FALSE(regex.matches("b"));
  EXPECT_TRUE(regex.matches("["));
  EXPECT_TRUE(regex.matches("]"));
}

TEST(Regex, SpaceBeforeTheEnd_TakesLinearTime) {
  const Regex regex(R"(\s+$)", "f");
  const auto matches = [&](const std::string& text) {
    std::vector<std::pair<size_t, size_t>> found;
    regex.for_each_match(text, [&](size_t begin, size_t end) {
      found.emplace_back(begin, end);
      return true;
    });
    return found;
  };
  using Found = std::vector<std::pair<size_t, size_t>>;
  EXPECT_EQ(matches("a  b "), (Found{{4, 5}}));
  EXPECT_EQ(matches("a \n \n x  "), (Found{{1, 4}, {7, 9}}));
  EXPECT_EQ(matches(" \n\n"), (Found{{0, 3}}));
  EXPECT_EQ(matches(std::string(1 << 20, ' ') + "x"), Found{});
}

TEST(Regex, DialectDifferences_AreRefused) {
  EXPECT_ERROR_WITH(Regex("(?m).", "f: $.p"),
                    "f: $.p: the regular expression \"(?m).\" uses the option (?m)");
  EXPECT_ERROR_WITH(Regex("[a[^b]]", "f"), "a negated or named class inside a class");
  EXPECT_ERROR_WITH(Regex("[[:alpha:]]", "f"), "a negated or named class inside a class");
  EXPECT_ERROR_WITH(Regex("[[a]-z]", "f"), "a '-' behind a class inside a class");
  EXPECT_ERROR_WITH(Regex("[a-[z]]", "f"), "a '-' before a class inside a class");
  EXPECT_ERROR_WITH(Regex("[a&&b]", "f"), "an intersection of classes");
  EXPECT_ERROR_WITH(Regex("a{1,3}+", "f"), "a '+' behind a counted repeat");
  EXPECT_ERROR_WITH(Regex("(", "f"), "cannot be compiled");
  EXPECT_ERROR_WITH(Regex("[^\\S]", "f"), "a negated set");
}

TEST(VocabularyAndMerges, Folder_LoadsWithBos) {
  const TemporaryFolder folder;
  std::string vocabulary = R"({"<s>": 300, "ab": 301)";
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    static int next = 0;
    char escaped[16];
    std::snprintf(escaped, sizeof escaped, "\\u%04x", printable ? byte : 256 + next++);
    vocabulary += std::string(", \"") + escaped + "\": " + std::to_string(byte);
  }
  folder.write("vocab.json", vocabulary + "}");
  folder.write("merges.txt", "#version: 0.2\na b\n");
  folder.write(
      "tokenizer_config.json",
      R"({"tokenizer_class": "GPT2Tokenizer", "add_bos_token": true, "bos_token": {"content": "<s>"}})");
  const Tokenizer tokenizer = Tokenizer::load(folder.path());
  EXPECT_EQ(tokenizer.encode("ab c<s>", true), (Ids{300, 301, 32, 'c', 300}));
  EXPECT_EQ(tokenizer.decode(Ids{301, 32, 'c'}), "ab c");
  folder.write("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizer"})");
  EXPECT_ERROR_WITH(Tokenizer::load(folder.path()),
                    "\"RobertaTokenizer\" with vocab.json and merges.txt is not supported");
}

TEST(Load, EmptyFolder_NamesWhatItLookedFor) {
  const TemporaryFolder folder;
  EXPECT_ERROR_WITH(Tokenizer::load(folder.path()),
                    "looked for tokenizer.json, tokenizer.model, and vocab.json with merges.txt");
  EXPECT_ERROR_WITH(Tokenizer::load(folder.path() / "x"), "no such file or folder");
}

}  // namespace
}  // namespace linscan
