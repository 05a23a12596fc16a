// The page, section by section, in the order in which it is read.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "linscan/report/report.h"
#include "report/columns.h"
#include "report/facts.h"
#include "report/figures.h"
#include "report/html.h"
#include "report/html_page.h"
#include "report/markup.h"

namespace linscan {
namespace {

void add_messages(Markup& html, const ResultDocument& analysis) {
  const std::vector<std::string> warnings = analysis.warnings();
  add_warnings(html, warnings.size() == 1 ? "Warning" : "Warnings", warnings);
  if (const auto sentences = summarize(analysis); !sentences.empty()) {
    html.open("section", {{"class", "summary"}}).element("h2", "In short").newline();
    add_list(html, sentences);
    html.close().newline();
  }
}

// The figure's metrics that the document has, as columns, and the paths that hold their numbers.
std::vector<Column> figure_columns(const ResultDocument& analysis, const Figure& figure) {
  std::vector<Column> columns;
  for (const std::string& path : figure.paths) {
    const bool interval = path.ends_with("_ci");
    if (analysis.any(interval ? path + ".low" : path)) {
      columns.push_back({path, interval});
    }
  }
  return columns;
}

// The group that all columns share ("baselines."), so that heads need not repeat it.
std::string common_group(const std::vector<Column>& columns) {
  std::string group = columns.empty() ? "" : columns.front().path;
  group.resize(group.rfind('.') == std::string::npos ? 0 : group.rfind('.') + 1);
  for (const Column& column : columns) {
    if (!column.path.starts_with(group)) {
      return "";
    }
  }
  return group;
}

void add_block_figure(Markup& html,
                      const ResultDocument& analysis,
                      const Figure& figure,
                      size_t number) {
  const std::vector<Column> columns = figure_columns(analysis, figure);
  std::vector<std::string> paths;
  for (const Column& column : columns) {
    if (!column.interval) {  // its score says it
      paths.push_back(column.path);
    }
  }
  add_figure(html, figure, number, missing_notes(analysis, paths), [&] {
    add_metric_table(html, analysis, columns, common_group(columns));
  });
}

void add_tables(Markup& html, const ResultDocument& analysis) {
  const std::vector<ColumnGroup> groups = group_columns(collect_columns(analysis));
  html.open("section", {{"id", "blocks"}}).element("h2", "All numbers, block by block").newline();
  if (groups.empty()) {
    html.element("p", "No metric of the blocks is in this result.");
  }
  for (const ColumnGroup& group : groups) {
    html.element("h3", group.title).newline();
    add_metric_table(html, analysis, group.columns, group.prefix);
  }
  html.close().newline();
}

void add_protocol(Markup& html, const ResultDocument& analysis) {
  html.open("section", {{"id", "protocol"}}).element("h2", "How it was measured").newline();
  if (const std::string text = analysis.text("protocol.description"); !text.empty()) {
    html.element("p", text).newline();
  }
  add_groups(html,
             analysis.json(),
             {{"protocol", "Protocol"},
              {"model", "Model"},
              {"data", "Data"},
              {"compute", "Compute"},
              {"software", "Software"},
              {"config", "Options in effect"},
              {"plan", "Memory plan"}});
  Json run = Json::object();
  for (const char* key : {"schema", "date", "seed", "n", "d", "null_in_sample"}) {
    if (const Json* value = find_path(analysis.json(), key); value != nullptr) {
      run[key] = *value;
    }
  }
  html.element("h3", "Run").newline();
  add_properties(html, run);
  html.close().newline();
}

}  // namespace

std::string render_html(const Json& document) {
  const ResultDocument analysis(document);
  Markup html;
  open_page(html, "Linearity of " + analysis.model_name());
  add_header(html,
             "Linearity of " + analysis.model_name(),
             {model_line(analysis), data_line(analysis.json())},
             key_facts(analysis));
  add_messages(html, analysis);
  size_t number = 0;
  for (const Figure& figure : make_figures(analysis)) {
    add_block_figure(html, analysis, figure, ++number);
  }
  add_tables(html, analysis);
  if (const Json* metrics = find_path(analysis.json(), "metrics"); metrics != nullptr) {
    add_definitions(html, *metrics);
  }
  add_protocol(html, analysis);
  close_page(html, analysis.text("software.linscan"), document);
  return html.take();
}

}  // namespace linscan
