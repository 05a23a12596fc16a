#include "eval/python_text.h"

#include <gtest/gtest.h>

namespace linscan::python {
namespace {

TEST(PythonText, Strip_UnicodeWhitespaceAndAsciiSeparators_AreSpace) {
  EXPECT_EQ(rstrip("a \t\n\v\f\r\x1c\x1f\u0085\u00a0\u1680\u2003\u2028\u3000"), "a");
  EXPECT_EQ(strip("\u2009 a b \n"), "a b");
  EXPECT_EQ(rstrip("a\u200b"), "a\u200b");  // zero width space is none
  EXPECT_EQ(rstrip(" \n"), "");
}

TEST(PythonText, Split_RunsOfWhitespace_SeparateWords) {
  EXPECT_EQ(split("  Mr.\u00a0 X\n\nsaid "), (std::vector<std::string_view>{"Mr.", "X", "said"}));
  EXPECT_TRUE(split(" \n ").empty());
}

TEST(PythonText, CountPieces_LeadingAndTrailingSpace_CountEmptyPieces) {
  EXPECT_EQ(count_pieces(" a b\n"), 4);
  EXPECT_EQ(count_pieces("a  b"), 2);
  EXPECT_EQ(count_pieces(""), 1);
  EXPECT_EQ(count_pieces(" "), 2);
}

TEST(PythonText, Slice_CountsCodePoints) {
  EXPECT_EQ(slice("äöüß", 1, 3), "öü");
  EXPECT_EQ(slice("äöü", 2, 99), "ü");
  EXPECT_EQ(slice("äöü", 7), "");
  EXPECT_EQ(slice("äöü", 2, 1), "");
}

TEST(PythonText, Capitalize_FirstInTitleCaseOthersLower) {
  EXPECT_EQ(capitalize("he SAYS"), "He says");
  EXPECT_EQ(capitalize("éLAN"), "Élan");
  EXPECT_EQ(capitalize("ßA"), "Ssa");
  EXPECT_EQ(capitalize("ǆA"), "ǅa");
  EXPECT_EQ(capitalize("ﬁNE"), "Fine");
  EXPECT_EQ(capitalize("xİ"), "Xi\u0307");
  EXPECT_EQ(capitalize(""), "");
}

TEST(PythonText, Lower_SigmaAtTheEndOfAWord_IsFinal) {
  EXPECT_EQ(lower("ΟΔΟΣ"), "οδος");
  EXPECT_EQ(lower("ΟΔΟΣ ΣΑΣ'."), "οδος σας'.");
  EXPECT_EQ(lower("Σ"), "σ");
}

TEST(PythonText, FirstLetter_ChangesAlone) {
  EXPECT_EQ(lower_first("ÄB"), "äB");
  EXPECT_EQ(upper_first("äb"), "Äb");
  EXPECT_TRUE(starts_lower("äB"));
  EXPECT_FALSE(starts_lower("1a"));
  EXPECT_FALSE(starts_lower(""));
}

TEST(PythonText, Replace_LeftToRightOnce) {
  EXPECT_EQ(replace("a    b", "  ", " "), "a  b");
  EXPECT_EQ(replace("xaay", "a", "aa"), "xaaaay");
}

}  // namespace
}  // namespace linscan::python
