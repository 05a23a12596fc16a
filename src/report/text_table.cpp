#include "report/text_table.h"

#include <algorithm>

#include "report/text.h"

namespace linscan {
namespace {

using Cells = std::vector<std::string>;

Cells group_line(const TextTable& table) {
  Cells line;
  for (size_t c = 0; c < table.columns.size(); ++c) {
    const std::string& group = table.columns[c].group;
    line.push_back(c > 0 && group == table.columns[c - 1].group ? "" : group);
  }
  return line;
}

Cells head_line(const TextTable& table) {
  Cells line;
  for (const TextTable::Column& column : table.columns) {
    line.push_back(column.head);
  }
  return line;
}

void add_terminal_line(const TextTable& table,
                       const std::vector<int>& widths,
                       const Cells& cells,
                       std::string& out) {
  for (size_t c = 0; c < cells.size(); ++c) {
    const TextTable::Column& column = table.columns[c];
    out += c == 0 ? "" : column.gutter;
    out += column.left ? pad_right(cells[c], widths[c]) : pad_left(cells[c], widths[c]);
  }
  while (!out.empty() && out.back() == ' ') {
    out.pop_back();
  }
  out += '\n';
}

void add_pipe_line(const Cells& cells, std::string& out) {
  for (const std::string& cell : cells) {
    out += "| " + markdown_text(cell) + " ";
  }
  out += "|\n";
}

std::string full_head(const TextTable::Column& column) {
  if (column.group.empty() || column.head.empty()) {
    return column.group + column.head;
  }
  return column.group.ends_with('-') ? column.group.substr(0, column.group.size() - 1) + column.head
                                     : column.group + " " + column.head;
}

}  // namespace

std::string draw_text_table(const TextTable& table) {
  const Cells groups = group_line(table), heads = head_line(table);
  std::vector<int> widths;
  for (size_t c = 0; c < table.columns.size(); ++c) {
    int width = std::max(display_width(groups[c]), display_width(heads[c]));
    for (const Cells& row : table.rows) {
      width = std::max(width, display_width(row[c]));
    }
    widths.push_back(width);
  }
  std::string out;
  if (std::any_of(groups.begin(), groups.end(), [](const auto& group) { return !group.empty(); })) {
    add_terminal_line(table, widths, groups, out);
  }
  add_terminal_line(table, widths, heads, out);
  for (const Cells& row : table.rows) {
    add_terminal_line(table, widths, row, out);
  }
  return out;
}

std::string draw_markdown_table(const TextTable& table) {
  Cells heads;
  std::string rule;
  for (const TextTable::Column& column : table.columns) {
    heads.push_back(full_head(column));
    rule += column.left ? "| --- " : "| ---: ";
  }
  std::string out;
  add_pipe_line(heads, out);
  out += rule + "|\n";
  for (const Cells& row : table.rows) {
    add_pipe_line(row, out);
  }
  return out;
}

}  // namespace linscan
