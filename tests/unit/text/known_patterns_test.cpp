// The hand-written matchers against PCRE2 on the same expressions.
#include "text/known_patterns.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "linscan/base/random.h"
#include "text/regex.h"
#include "text/utf8.h"

namespace linscan {
namespace {

const std::string kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

std::vector<std::pair<size_t, size_t>> by_regex(const Regex& regex, std::string_view text) {
  std::vector<std::pair<size_t, size_t>> pieces;
  regex.for_each_match(text, [&](size_t begin, size_t end) {
    pieces.emplace_back(begin, end);
    return true;
  });
  return pieces;
}

std::vector<std::pair<size_t, size_t>> by_hand(PieceMatcher match, std::string_view text) {
  std::vector<std::pair<size_t, size_t>> pieces;
  for (size_t at = 0; at < text.size();) {
    const size_t end = match(text, at);
    pieces.emplace_back(at, end);
    at = end;
  }
  return pieces;
}

char32_t random_character(Random& random) {
  constexpr char32_t kInteresting[] = {
      ' ',    ' ',   ' ',   '\n',   '\r',    '\t',   '\'',   '\'',   's',     'S',   't',
      'r',    'e',   'E',   'v',    'm',     'l',    'L',    'd',    'D',     '0',   '9',
      '.',    '!',   0x17F, 0x85,   0xA0,    0x180E, 0x2003, 0x3000, 0x301,   0xE9,  0x416,
      0x4E00, 0x661, 0xBD,  0x2160, 0x1F600, 0x200D, 0xFFFD, 0x1C89, 0x16D70, 0x212A};
  if (random.below(20) > 0) return kInteresting[random.below(std::size(kInteresting))];
  const auto c = static_cast<char32_t>(random.below(0x110000));
  return c >= 0xD800 && c < 0xE000 ? U'x' : c;
}

class KnownPattern : public testing::TestWithParam<std::string> {};

TEST_P(KnownPattern, RandomTexts_SplitAsPcre2Does) {
  const PieceMatcher match = find_known_pattern(GetParam());
  ASSERT_NE(match, nullptr);
  const Regex regex(GetParam(), "test");
  Random random(3);
  for (int round = 0; round < 40000; ++round) {
    std::string text;
    for (uint64_t n = 1 + random.below(14); n > 0; --n) append_utf8(text, random_character(random));
    ASSERT_EQ(by_hand(match, text), by_regex(regex, text)) << testing::PrintToString(text);
  }
}

TEST_P(KnownPattern, EveryCharacter_SplitsAsPcre2Does) {
  const PieceMatcher match = find_known_pattern(GetParam());
  const Regex regex(GetParam(), "test");
  std::string text;
  for (char32_t c = 1; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    for (const char* beside : {"a", "1", " ", "."}) {
      text += beside;
      append_utf8(text, c);
    }
    if (c % 4096 == 0 || c + 1 == 0x110000) {
      ASSERT_EQ(by_hand(match, text), by_regex(regex, text))
          << "up to " << static_cast<uint32_t>(c);
      text.clear();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All,
                         KnownPattern,
                         testing::Values(std::string(kGpt2Pattern),
                                         std::string(kQwen2Pattern),
                                         kLlama3));

TEST(KnownPatterns, AnotherExpression_HasNoMatcher) {
  EXPECT_EQ(find_known_pattern(R"(\p{L}+|\s+)"), nullptr);
}

}  // namespace
}  // namespace linscan
