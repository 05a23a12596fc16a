#include "linscan/text/utf8.h"

#include <gtest/gtest.h>

namespace linscan {
namespace {

TEST(Utf8, Valid_CountsNothing) {
  EXPECT_EQ(count_invalid_utf8(""), 0);
  EXPECT_EQ(count_invalid_utf8("plain ascii, longer than eight bytes"), 0);
  EXPECT_EQ(count_invalid_utf8("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \xF4\x8F\xBF\xBF"), 0);
}

// What Python's bytes.decode("utf-8", "replace") gives, as the number of U+FFFD.
TEST(Utf8, Invalid_CountsMaximalSubparts) {
  EXPECT_EQ(count_invalid_utf8("\x80"), 1);
  EXPECT_EQ(count_invalid_utf8("\xC3"), 1);
  EXPECT_EQ(count_invalid_utf8("\xE2\x82"), 1);
  EXPECT_EQ(count_invalid_utf8("\xE2\x82 x"), 1);
  EXPECT_EQ(count_invalid_utf8("\xED\xA0\x80"), 3);  // a surrogate
  EXPECT_EQ(count_invalid_utf8("\xC0\xAF"), 2);      // overlong
  EXPECT_EQ(count_invalid_utf8("\xF4\x90\x80\x80"), 4);
  EXPECT_EQ(count_invalid_utf8("\xF0\x9F\x98"), 1);
  EXPECT_EQ(count_invalid_utf8("\xF8\x88\x80\x80\x80"), 5);
}

TEST(Utf8, Replace_KeepsTheRest) {
  EXPECT_EQ(replace_invalid_utf8("a\xE2\x82 \xFF\xC3\xA9"), "a\xEF\xBF\xBD \xEF\xBF\xBD\xC3\xA9");
  EXPECT_EQ(count_invalid_utf8(replace_invalid_utf8("\xFF\xFE\x80\xED\xA0")), 0);
}

TEST(Utf8, Characters_AreCodePoints) {
  EXPECT_EQ(count_characters("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), 4);
}

}  // namespace
}  // namespace linscan
