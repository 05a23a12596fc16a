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

constexpr std::string_view kPostNorm = "+norm";

std::string header(const ResultDocument& analysis) {
  std::string out;
  out += labelled_text("model", analysis.model_name() + " · " + model_line(analysis));
  out += labelled_text("data", data_line(analysis.json()));
  std::string sample;
  for (const Fact& fact : key_facts(analysis)) {
    sample += (sample.empty() ? "" : " · ") + fact.label + " " + fact.value;
  }
  out += labelled_text("sample", sample);
  if (const std::string name = analysis.text("protocol.name"); !name.empty()) {
    const std::string description = analysis.text("protocol.description");
    out += labelled_text("protocol", name + (description.empty() ? "" : ": " + description));
  }
  return out;
}

TextTable block_text_table(const ResultDocument& analysis,
                           const std::vector<BlockColumn>& columns) {
  TextTable table;
  table.columns.push_back({"", "block"});
  for (const BlockColumn& column : columns) {
    table.columns.push_back(
        {column.group, column.head, false, column.interval ? " " : "  "});  // close to its score
  }
  for (const Row& row : rows_of(analysis, columns)) {
    table.rows.push_back({row.name() == "post_norm" ? std::string(kPostNorm) : row.name()});
    for (const BlockColumn& column : columns) {
      table.rows.back().push_back(block_cell(row, column));
    }
  }
  return table;
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
      out += labelled_text("", column.path + ": " + column.meaning);
    }
  }
  if (rows_of(analysis, columns).size() > analysis.blocks().size()) {
    out +=
        labelled_text("",
                      "+norm: the last block against the state after the final norm; the row above "
                      "it stops before that norm");
  }
  for (const std::string& note : missing_notes(analysis, paths)) {
    out += labelled_text(std::string(kMissingMark), note);
  }
}

}  // namespace

std::string render_table(const Json& document) {
  const ResultDocument analysis(document);
  const std::vector<std::vector<BlockColumn>> tables = block_tables(analysis);
  std::string out = header(analysis) + "\n";
  if (tables.empty()) {
    out += "no metric of the blocks is in this result\n";
  }
  std::string gap;
  for (const std::vector<BlockColumn>& columns : tables) {
    out += std::exchange(gap, "\n") + draw_text_table(block_text_table(analysis, columns));
    add_footnotes(analysis, columns, out);
  }
  if (const TextTable correlations = correlation_table(analysis); !correlations.rows.empty()) {
    out += "\n" + draw_text_table(correlations) + "\n";
    out += labelled_text("", kCorrelationRemark);
  }
  const std::vector<std::string> warnings = analysis.warnings();
  if (!warnings.empty()) {
    out += '\n';
    for (const std::string& warning : warnings) {
      out += labelled_text("warning", warning);
    }
  }
  return out;
}

}  // namespace linscan
