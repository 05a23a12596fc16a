// A table of finished cells, for a terminal or as a Markdown pipe table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace linscan {

struct TextTable {
  struct Column {
    std::string group;               // first head line; neighbours with the same one show it once
    std::string head;                // second head line
    bool left = false;               // aligned left
    std::string_view gutter = "  ";  // before the column, on a terminal
  };
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  // as many cells as columns
};

// Columns as wide as their widest cell, no blanks at line ends. The line of groups is left out
// where no column has one. Cells must be clean text.
std::string draw_text_table(const TextTable& table);

// Group and head in one cell ("aniso-" and "tropy" become one word); every cell escaped.
std::string draw_markdown_table(const TextTable& table);

}  // namespace linscan
