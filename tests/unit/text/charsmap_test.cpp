// Character maps: a map made by hand, grapheme clusters, and blobs whose units point elsewhere.
#include "text/charsmap.h"

#include <gtest/gtest.h>

#include "linscan/base/random.h"
#include "text/grapheme.h"
#include "text_testing.h"

namespace linscan {
namespace {

constexpr uint32_t kValue = uint32_t{1} << 31;

std::string u32(uint32_t value) {
  std::string bytes;
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}

// "a" to "XY", "b" to nothing. Unit 0 leads to 256 ^ byte, that unit to its value at its number
// ^ 2.
struct Blob {
  std::vector<uint32_t> units;
  std::string strings = std::string("XY\0", 3) + '\0';

  Blob() : units(512, 0) {
    units[0] = 256 << 10;
    set('a', 0);
    set('b', 2);
  }
  void set(unsigned char byte, uint32_t value) {
    units[256 ^ byte] = uint32_t{byte} | 1 << 8 | 2 << 10;
    units[256 ^ byte ^ 2] = value | kValue;
  }
  std::string bytes() const {
    std::string out = u32(static_cast<uint32_t>(units.size() * 4));
    for (const uint32_t unit : units) out += u32(unit);
    return out + strings;
  }
};

std::string rewrite(const Blob& blob, std::string_view text) {
  return Charsmap(blob.bytes(), "$.map").rewrite(text);
}

TEST(Charsmap, Characters_AreRewritten) {
  EXPECT_EQ(rewrite(Blob(), "abca"), "XYcXY");
  EXPECT_EQ(rewrite(Blob(), ""), "");
  EXPECT_EQ(rewrite(Blob(), std::string("a\0b", 3)), std::string("XY\0", 3));
}

TEST(Charsmap, ShortCluster_IsReplacedAsAWhole) {
  EXPECT_EQ(rewrite(Blob(), "a\xCC\x81x"), "XYx");          // 3 bytes: the mark goes too
  EXPECT_EQ(rewrite(Blob(), "a\xCC\x81\xCC\x81x"), "XYx");  // 5 bytes
  EXPECT_EQ(rewrite(Blob(), "a\xCC\x81\xCC\x81\xCC\x81x"),  // 7 bytes
            "XY\xCC\x81\xCC\x81\xCC\x81x");
}

TEST(Charsmap, UnitsOutOfRange_AreRefused) {
  EXPECT_ERROR_WITH(Charsmap("", "$.map"), "$.map: 0 bytes hold no trie");
  EXPECT_ERROR_WITH(Charsmap(u32(0) + "abc", "$.map"), "a trie of 0 units, but 3 bytes follow");
  EXPECT_ERROR_WITH(Charsmap(u32(8) + "abcd", "$.map"), "a trie of 2 units, but 4 bytes follow");
  EXPECT_ERROR_WITH(Charsmap(u32(0xFFFFFFFF) + "abcd", "$.map"), "a trie of 1073741823 units");
  Blob far_leaf;
  far_leaf.units[256 ^ 'a'] |= 0x3FFF << 10;
  EXPECT_ERROR_WITH(rewrite(far_leaf, "a"), "$.map: unit 353 points to unit");
  Blob far_string;
  far_string.set('a', 5);
  EXPECT_ERROR_WITH(rewrite(far_string, "a"), "points to byte 5 of 4 bytes of strings");
  Blob inside_character;
  inside_character.strings = "\xC3\xA9";
  inside_character.set('a', 1);
  EXPECT_ERROR_WITH(rewrite(inside_character, "a"), "points to byte 1 of 2 bytes of strings");
  Blob broken_strings;
  broken_strings.strings += "\xFF";
  EXPECT_ERROR_WITH(rewrite(broken_strings, "a"), "its strings are not valid UTF-8");
}

TEST(Charsmap, RootThatLeadsNowhere_FindsNothing) {
  Blob blob;
  blob.units[0] = 0xFFFFFFFF;
  EXPECT_EQ(rewrite(blob, "ab"), "ab");
}

TEST(Charsmap, DamagedMaps_NeverCrash) {
  Random random(7);
  const std::string good = Blob().bytes();
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = good;
    for (uint64_t n = 1 + random.below(6); n > 0; --n)
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    try {
      const std::string out = Charsmap(damaged, "$.map").rewrite("abc\xCC\x81\xE2\x82\xAC a");
      EXPECT_LT(out.size(), 1000u);
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
}

TEST(Base64, OnlyThePaddedForm_IsRead) {
  EXPECT_EQ(decode_base64(""), "");
  EXPECT_EQ(decode_base64("TQ=="), "M");
  EXPECT_EQ(decode_base64("TWE="), "Ma");
  EXPECT_EQ(decode_base64("TWFu"), "Man");
  EXPECT_EQ(decode_base64("+/+/"), "\xFB\xFF\xBF");
  for (const char* bad : {"TQ", "TQ=", "T===", "TR==", "TWF=", "TW Fu", "TWFu\n", "====", "T-__"})
    EXPECT_EQ(decode_base64(bad), std::nullopt) << bad;
}

TEST(Grapheme, Clusters_EndWhereUnicodeSays) {
  const auto first = [](std::string_view text) { return grapheme_end(text, 0); };
  EXPECT_EQ(first("ab"), 1u);
  EXPECT_EQ(first("\r\nx"), 2u);
  EXPECT_EQ(first("\n\rx"), 1u);
  EXPECT_EQ(first("e\xCC\x81x"), 3u);                                        // a mark
  EXPECT_EQ(first("\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA\xF0\x9F\x87\xA9"), 8u);  // flags go in pairs
  EXPECT_EQ(first("\xE0\xA4\x95\xE0\xA5\x8D\xE0\xA4\x95x"), 9u);  // a conjunct: ka, virama, ka
  EXPECT_EQ(first("\xE0\xA4\x95\xE0\xA4\x95x"), 3u);
  EXPECT_EQ(first("a\xE0\xA2\x97x"), 4u);  // U+0897, a mark since Unicode 16
}

}  // namespace
}  // namespace linscan
