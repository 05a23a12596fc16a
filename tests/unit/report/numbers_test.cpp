#include "report/numbers.h"

#include <gtest/gtest.h>

#include "report/markup.h"
#include "report/text.h"

namespace linscan {
namespace {

TEST(Numbers, Fixed_WritesTypographicText) {
  EXPECT_EQ(fixed(0.51234, 3), "0.512");
  EXPECT_EQ(fixed(-0.5, 2), "−0.50");
  EXPECT_EQ(fixed(-0.0001, 3), "0.000");
  EXPECT_EQ(fixed(123456789.0, 3), "1.23e8");
  EXPECT_EQ(fixed(std::nullopt, 3), "–");
}

TEST(Numbers, Significant_KeepsDigits) {
  EXPECT_EQ(significant(0.0012345, 3), "0.00123");
  EXPECT_EQ(significant(12.345, 3), "12.3");
  EXPECT_EQ(significant(0.0, 3), "0");
  EXPECT_EQ(significant(1e-9, 2), "1.0e−9");
}

TEST(Numbers, Percent_ShowsHowMuchIsMissingNearOne) {
  EXPECT_EQ(percent(0.5), "50 %");
  EXPECT_EQ(percent(0.0734), "7.3 %");
  EXPECT_EQ(percent(0.9931), "99.31 %");
  EXPECT_EQ(percent(1.0), "100 %");
}

TEST(Numbers, Counts_AreGroupedAndShortened) {
  EXPECT_EQ(grouped(1234567), "1,234,567");
  EXPECT_EQ(grouped(-1234), "-1,234");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(short_count(6738415616.0), "6.74 B");
}

TEST(Numbers, MetricText_PrecisionFollowsThePath) {
  EXPECT_EQ(metric_text("linearity.stream.held_out", 0.999871), "0.99987");
  EXPECT_EQ(metric_text("linearity.update.held_out", 0.51236), "0.5124");
  EXPECT_EQ(metric_text("tokens.first.count", 1234.0), "1,234");
  EXPECT_EQ(metric_text("norm.in", 1234.56), "1235");
}

TEST(Text, Clean_ReplacesWhatSteersATerminal) {
  EXPECT_EQ(clean_text("a\x1b[31mb"), "a\xEF\xBF\xBD[31mb");
  EXPECT_EQ(clean_text("a\nb\tc"), "a b c");
  EXPECT_EQ(clean_text("x\xff\xfey"), "x\xEF\xBF\xBD\xEF\xBF\xBDy");
  EXPECT_EQ(clean_text("\xe2\x80\xae"), "\xEF\xBF\xBD");                  // right-to-left override
  EXPECT_EQ(clean_text("\xed\xa0\x80").find('\xed'), std::string::npos);  // a surrogate
  EXPECT_EQ(clean_text("R² – ß 日本"), "R² – ß 日本");
}

TEST(Text, Width_CountsCodePoints) {
  EXPECT_EQ(display_width("R²–"), 3);
  EXPECT_EQ(pad_left("R²", 4), "  R²");
  EXPECT_EQ(pad_right("R²", 4), "R²  ");
}

TEST(Text, Wrap_BreaksAtSpaces) {
  const std::vector<std::string> expected = {"one two", "three", "incomprehensible"};
  EXPECT_EQ(wrap_text("one two three incomprehensible", 8), expected);
  EXPECT_TRUE(wrap_text("", 8).empty());
}

TEST(Text, CsvField_QuotesWhatNeedsIt) {
  EXPECT_EQ(csv_field("plain"), "plain");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("say \"hi\""), "\"say \"\"hi\"\"\"");
  EXPECT_EQ(csv_field("two\nlines"), "\"two\nlines\"");
}

TEST(Text, Markdown_EscapesMarkup) {
  EXPECT_EQ(markdown_text("a|b"), "a\\|b");
  EXPECT_EQ(markdown_text("<b> & *x*"), "\\<b\\> &amp; \\*x\\*");
}

TEST(Text, LastComponent_OfPaths) {
  EXPECT_EQ(last_component("models/sample/"), "sample");
  EXPECT_EQ(last_component("sample"), "sample");
  EXPECT_EQ(last_component("/"), "/");
  EXPECT_EQ(last_component(""), "");
}

TEST(Markup, Text_IsEscaped) {
  Markup html;
  html.element("p", {{"title", "a\"b'<"}}, "<script>&\x01");
  EXPECT_EQ(html.take(), "<p title=\"a&quot;b&#39;&lt;\">&lt;script&gt;&amp;\xEF\xBF\xBD</p>");
}

TEST(Markup, Px_IsShort) {
  EXPECT_EQ(px(12.0), "12");
  EXPECT_EQ(px(12.34), "12.3");
  EXPECT_EQ(px(-0.01), "0");
}

}  // namespace
}  // namespace linscan
