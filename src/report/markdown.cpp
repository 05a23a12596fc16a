#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "linscan/report/report.h"
#include "report/block_table.h"
#include "report/columns.h"
#include "report/facts.h"
#include "report/text.h"

namespace linscan {
namespace {

void add_line(const std::vector<std::string>& cells, std::string& out) {
  for (const std::string& cell : cells) {
    out += "| " + cell + " ";
  }
  out += "|\n";
}

void add_facts(const ResultDocument& analysis, std::string& out) {
  std::vector<std::string> heads, values, rule;
  for (const Fact& fact : key_facts(analysis)) {
    heads.push_back(markdown_text(fact.label));
    values.push_back(markdown_text(fact.value));
    rule.push_back("---");
  }
  add_line(heads, out);
  add_line(rule, out);
  add_line(values, out);
  out += '\n';
}

void add_table(const ResultDocument& analysis,
               const std::vector<BlockColumn>& columns,
               std::string& out) {
  std::vector<std::string> heads = {"block"};
  std::vector<std::string> rule = {"---:"};
  for (const BlockColumn& column : columns) {
    const bool split_word = column.group.ends_with("-");
    heads.push_back(
        markdown_text(column.group.empty() ? column.head
                      : split_word ? column.group.substr(0, column.group.size() - 1) + column.head
                                   : column.group + " " + column.head));
    rule.push_back("---:");
  }
  add_line(heads, out);
  add_line(rule, out);
  for (const Row& row : analysis.rows()) {
    std::vector<std::string> line = {row_label(row)};
    for (const BlockColumn& column : columns) {
      line.push_back(markdown_text(block_cell(row, column)));
    }
    add_line(line, out);
  }
  out += '\n';
}

void add_notes(const ResultDocument& analysis,
               const std::vector<BlockColumn>& columns,
               std::string& out) {
  std::vector<std::string> paths;
  for (const BlockColumn& column : columns) {
    if (!column.interval) {  // its score says it
      paths.push_back(column.path);
    }
    if (!column.meaning.empty()) {
      out += fmt::format("- `{}`: {}\n", column.path, markdown_text(column.meaning));
    }
  }
  if (analysis.post_norm()) {
    out += "- post-norm: the last block against the state after the final norm\n";
  }
  for (const std::string& note : missing_notes(analysis, paths)) {
    out += fmt::format("- {} {}\n", kMissingMark, markdown_text(note));
  }
}

void add_list(std::string_view title, const std::vector<std::string>& lines, std::string& out) {
  if (lines.empty()) {
    return;
  }
  out += fmt::format("## {}\n\n", title);
  for (const std::string& line : lines) {
    out += fmt::format("- {}\n", markdown_text(line));
  }
  out += '\n';
}

}  // namespace

std::string render_markdown(const Json& document) {
  const ResultDocument analysis(document);
  std::string out = fmt::format("# Linearity of {}\n\n", markdown_text(analysis.model_name()));
  out += markdown_text(model_line(analysis)) + "  \n" + markdown_text(data_line(analysis)) + "\n\n";
  add_facts(analysis, out);
  add_list("Warnings", analysis.warnings(), out);
  add_list("Summary", summarize(analysis), out);
  out += "## Blocks\n\n";
  if (const std::vector<BlockColumn> columns = block_columns(analysis); columns.empty()) {
    out += "No metric of the blocks is in this result.\n";
  } else {
    add_table(analysis, columns, out);
    add_notes(analysis, columns, out);
  }
  if (const std::string text = analysis.text("protocol.description"); !text.empty()) {
    out += fmt::format("\nProtocol ({}): {}\n",
                       markdown_text(analysis.text("protocol.name")),
                       markdown_text(text));
  }
  return out;
}

}  // namespace linscan
