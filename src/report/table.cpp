#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "linscan/report/report.h"
#include "report/block_table.h"
#include "report/columns.h"
#include "report/facts.h"
#include "report/text.h"

namespace linscan {
namespace {

constexpr int kWidth = 110;
constexpr int kLabelWidth = 10;
constexpr std::string_view kPostNorm = "+norm";

// "label     text", wrapped with a hanging indent.
void add_wrapped(std::string_view label, std::string_view text, std::string& out) {
  const std::vector<std::string> lines = wrap_text(text, kWidth - kLabelWidth);
  for (size_t i = 0; i < lines.size(); ++i) {
    out += pad_right(i == 0 ? label : "", kLabelWidth) + lines[i] + "\n";
  }
}

void trim_line(std::string& out) {
  while (!out.empty() && out.back() == ' ') {
    out.pop_back();
  }
  out += '\n';
}

std::string header(const ResultDocument& analysis) {
  std::string out;
  add_wrapped("model", analysis.model_name() + " · " + model_line(analysis), out);
  add_wrapped("data", data_line(analysis), out);
  std::string sample;
  for (const Fact& fact : key_facts(analysis)) {
    sample += (sample.empty() ? "" : " · ") + fact.label + " " + fact.value;
  }
  add_wrapped("sample", sample, out);
  if (const std::string name = analysis.text("protocol.name"); !name.empty()) {
    const std::string description = analysis.text("protocol.description");
    add_wrapped("protocol", name + (description.empty() ? "" : ": " + description), out);
  }
  return out;
}

struct Cells {
  std::vector<std::string> groups;
  std::vector<std::string> heads;
  std::vector<std::vector<std::string>> rows;
  std::vector<int> widths;
  std::vector<std::string_view>
      gutters;  // before each column; an interval stays close to its score
};

Cells make_cells(const ResultDocument& analysis, const std::vector<BlockColumn>& columns) {
  Cells cells{{""}, {"block"}, {}, {}, {""}};
  for (const BlockColumn& column : columns) {
    const bool repeated = !cells.groups.empty() && !column.group.empty() &&
                          cells.heads.size() > 1 &&
                          columns[cells.heads.size() - 2].group == column.group;
    cells.groups.push_back(repeated ? "" : column.group);
    cells.heads.push_back(column.head);
    cells.gutters.push_back(column.interval ? " " : "  ");
  }
  for (const Row& row : analysis.rows()) {
    std::vector<std::string> line = {row.name() == "post_norm" ? std::string(kPostNorm)
                                                               : row.name()};
    for (const BlockColumn& column : columns) {
      line.push_back(block_cell(row, column));
    }
    cells.rows.push_back(std::move(line));
  }
  for (size_t c = 0; c < cells.heads.size(); ++c) {
    int width = std::max(display_width(cells.groups[c]), display_width(cells.heads[c]));
    for (const auto& line : cells.rows) {
      width = std::max(width, display_width(line[c]));
    }
    cells.widths.push_back(width);
  }
  return cells;
}

void add_line(const std::vector<std::string>& line, const Cells& cells, std::string& out) {
  for (size_t c = 0; c < line.size(); ++c) {
    out += cells.gutters[c];
    out += pad_left(line[c], cells.widths[c]);
  }
  trim_line(out);
}

std::string body(const ResultDocument& analysis, const std::vector<BlockColumn>& columns) {
  const Cells cells = make_cells(analysis, columns);
  std::string out;
  add_line(cells.groups, cells, out);
  add_line(cells.heads, cells, out);
  for (const auto& line : cells.rows) {
    add_line(line, cells, out);
  }
  return out;
}

void add_footnotes(const ResultDocument& analysis,
                   const std::vector<BlockColumn>& columns,
                   std::string& out) {
  std::vector<std::string> paths;
  out += '\n';
  for (const BlockColumn& column : columns) {
    if (!column.interval) {  // its score says it
      paths.push_back(column.path);
    }
    if (!column.meaning.empty()) {
      add_wrapped("", column.path + ": " + column.meaning, out);
    }
  }
  if (analysis.post_norm()) {
    add_wrapped("",
                "+norm: the last block against the state after the final norm; the row above "
                "it stops before that norm",
                out);
  }
  for (const std::string& note : missing_notes(analysis, paths)) {
    add_wrapped(std::string(kMissingMark), note, out);
  }
}

}  // namespace

std::string render_table(const Json& document) {
  const ResultDocument analysis(document);
  const std::vector<BlockColumn> columns = block_columns(analysis);
  std::string out = header(analysis) + "\n";
  if (columns.empty()) {
    out += "no metric of the blocks is in this result\n";
  } else {
    out += body(analysis, columns);
    add_footnotes(analysis, columns, out);
  }
  const std::vector<std::string> warnings = analysis.warnings();
  if (!warnings.empty()) {
    out += '\n';
    for (const std::string& warning : warnings) {
      add_wrapped("warning", warning, out);
    }
  }
  return out;
}

}  // namespace linscan
