#include "report/text_table.h"

#include <gtest/gtest.h>

namespace linscan {
namespace {

TextTable small_table() {
  TextTable table;
  table.columns = {{"", "name", true}, {"R²", "low"}, {"R²", "high"}, {"aniso-", "tropy"}};
  table.rows = {{"a", "0.1", "0.25", "1"}, {"longer", "–", "0.3", "12"}};
  return table;
}

TEST(TextTable, Terminal_AlignsColumnsAndTrimsLines) {
  EXPECT_EQ(draw_text_table(small_table()),
            "         R²        aniso-\n"
            "name    low  high   tropy\n"
            "a       0.1  0.25       1\n"
            "longer    –   0.3      12\n");
}

TEST(TextTable, WithoutGroups_HasOneHeadLine) {
  TextTable table = small_table();
  for (TextTable::Column& column : table.columns) {
    column.group.clear();
  }
  EXPECT_TRUE(draw_text_table(table).starts_with("name  "));
}

TEST(TextTable, Markdown_JoinsHeadsAndEscapes) {
  TextTable table = small_table();
  table.rows[0][0] = "a|b";
  EXPECT_EQ(draw_markdown_table(table),
            "| name | R² low | R² high | anisotropy |\n"
            "| --- | ---: | ---: | ---: |\n"
            "| a\\|b | 0.1 | 0.25 | 1 |\n"
            "| longer | – | 0.3 | 12 |\n");
}

}  // namespace
}  // namespace linscan
