#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "linscan/report/report.h"
#include "report/block_table.h"
#include "report/columns.h"
#include "report/facts.h"
#include "report/figures.h"
#include "report/text.h"
#include "report/text_table.h"

namespace linscan {
namespace {

std::string facts_table(const ResultDocument& analysis) {
  TextTable table;
  table.rows.emplace_back();
  for (const Fact& fact : key_facts(analysis)) {
    table.columns.push_back({"", fact.label, true});
    table.rows.front().push_back(fact.value);
  }
  return draw_markdown_table(table);
}

std::string blocks_table(const ResultDocument& analysis, const std::vector<BlockColumn>& columns) {
  TextTable table;
  table.columns.push_back({"", "block"});
  for (const BlockColumn& column : columns) {
    table.columns.push_back({column.group, column.head});
  }
  for (const Row& row : rows_of(analysis, columns)) {
    table.rows.push_back({row_label(row)});
    for (const BlockColumn& column : columns) {
      table.rows.back().push_back(block_cell(row, column));
    }
  }
  return draw_markdown_table(table);
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
  if (rows_of(analysis, columns).size() > analysis.blocks().size()) {
    out += "- post-norm: the last block against the state after the final norm\n";
  }
  for (const std::string& note : missing_notes(analysis, paths)) {
    out += fmt::format("- {} {}\n", kMissingMark, markdown_text(note));
  }
}

}  // namespace

std::string render_markdown(const Json& document) {
  const ResultDocument analysis(document);
  std::string out = fmt::format("# Linearity of {}\n\n", markdown_text(analysis.model_name()));
  out += markdown_text(model_line(analysis)) + "  \n" + markdown_text(data_line(analysis.json())) +
         "\n\n";
  out += facts_table(analysis) + '\n';
  out += markdown_list("Warnings", analysis.warnings());
  out += markdown_list("Summary", summarize(analysis));
  out += "## Blocks\n\n";
  const std::vector<std::vector<BlockColumn>> tables = block_tables(analysis);
  if (tables.empty()) {
    out += "No metric of the blocks is in this result.\n";
  }
  std::string gap;
  for (const std::vector<BlockColumn>& columns : tables) {
    out += std::exchange(gap, "\n") + blocks_table(analysis, columns) + '\n';
    add_notes(analysis, columns, out);
  }
  if (const TextTable correlations = correlation_table(analysis); !correlations.rows.empty()) {
    out += "\n## Which score finds the damage\n\n" + draw_markdown_table(correlations) + '\n' +
           markdown_text(kCorrelationRemark) + ".\n";
  }
  if (const std::string text = analysis.text("protocol.description"); !text.empty()) {
    out += fmt::format("\nProtocol ({}): {}\n",
                       markdown_text(analysis.text("protocol.name")),
                       markdown_text(text));
  }
  return out;
}

}  // namespace linscan
