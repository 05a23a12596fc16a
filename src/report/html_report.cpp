// The page, section by section, in the order in which it is read.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "linscan/report/report.h"
#include "report/columns.h"
#include "report/facts.h"
#include "report/figures.h"
#include "report/html.h"
#include "report/markup.h"

namespace linscan {
namespace {

// Nothing is loaded and nothing runs, whatever a result file holds.
constexpr const char* kPolicy = "default-src 'none'; style-src 'unsafe-inline'";

void add_head(Markup& html, const ResultDocument& analysis) {
  html.open("head").newline();
  html.leaf("meta", {{"charset", "utf-8"}}).newline();
  html.leaf("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}})
      .newline();
  html.leaf("meta", {{"http-equiv", "Content-Security-Policy"}, {"content", kPolicy}}).newline();
  html.element("title", "Linearity of " + analysis.model_name()).newline();
  html.open("style").append(page_style()).close().newline();
  html.close().newline();
}

void add_list(Markup& html, const std::vector<std::string>& lines) {
  html.open("ul").newline();
  for (const std::string& line : lines) {
    html.element("li", line).newline();
  }
  html.close();
}

void add_opening(Markup& html, const ResultDocument& analysis) {
  html.open("header").newline();
  html.element("h1", "Linearity of " + analysis.model_name()).newline();
  html.element("p", {{"class", "lead"}}, model_line(analysis)).newline();
  html.element("p", {{"class", "lead"}}, data_line(analysis)).newline();
  html.open("dl", {{"class", "facts"}}).newline();
  for (const Fact& fact : key_facts(analysis)) {
    html.open("div").element("dt", fact.label).open("dd").text(fact.value);
    if (!fact.note.empty()) {
      html.element("small", fact.note);
    }
    html.close().close().newline();
  }
  html.close().close().newline();
}

void add_messages(Markup& html, const ResultDocument& analysis) {
  if (const auto warnings = analysis.warnings(); !warnings.empty()) {
    html.open("section", {{"class", "warnings"}, {"aria-label", "Warnings"}});
    html.element("h2", warnings.size() == 1 ? "Warning" : "Warnings").newline();
    add_list(html, warnings);
    html.close().newline();
  }
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

void add_figure(Markup& html, const ResultDocument& analysis, const Figure& figure, size_t number) {
  const std::vector<Column> columns = figure_columns(analysis, figure);
  std::vector<std::string> paths;
  for (const Column& column : columns) {
    if (!column.interval) {  // its score says it
      paths.push_back(column.path);
    }
  }
  html.open("figure", {{"id", figure.id}}).newline();
  html.open("h2").element("span", std::to_string(number)).text(figure.title).close().newline();
  html.append(figure.drawing).newline();
  html.open("figcaption").newline();
  html.element("p", figure.reading).newline();
  html.element("p", {{"class", "caveat"}}, figure.caveat).newline();
  for (const std::string& note : missing_notes(analysis, paths)) {
    html.element("p", {{"class", "gaps"}}, "Missing: " + note).newline();
  }
  html.close().newline();
  html.open("details").element("summary", "Data of this figure").newline();
  add_metric_table(html, analysis, columns, common_group(columns));
  html.close().close().newline();
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

std::string range_text(const Json& definition) {
  const Json* range = find_path(definition, "range");
  if (range == nullptr || !range->is_array()) {
    return "";
  }
  const auto end = [&](size_t i, const char* open) {
    return (*range)[i].is_number() ? significant((*range)[i].get<double>(), 3) : std::string(open);
  };
  return end(0, "−∞") + " to " + end(1, "∞");
}

void add_definitions(Markup& html, const ResultDocument& analysis) {
  const Json* metrics = find_path(analysis.json(), "metrics");
  if (metrics == nullptr || metrics->empty()) {
    return;
  }
  html.open("section", {{"id", "definitions"}}).element("h2", "What the metrics mean").newline();
  html.open("table", {{"class", "words"}}).open("thead").open("tr");
  html.element("th", {{"scope", "col"}}, "metric").element("th", {{"scope", "col"}}, "meaning");
  for (const char* head : {"formula", "range", "source"}) {
    html.element("th", {{"scope", "col"}, {"class", "extra"}}, head);
  }
  html.close().close().newline().open("tbody").newline();
  for (const auto& item : metrics->items()) {
    const auto field = [&](const char* key) {
      const Json* value = find_path(item.value(), key);
      return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
    };
    const std::string direction = field("direction");
    std::string range = range_text(item.value());
    if (direction == "higher" || direction == "lower") {
      range += fmt::format("{}{}: more linear or more alike", range.empty() ? "" : "; ", direction);
    }
    html.open("tr").open("th", {{"scope", "row"}}).text(field("label"));
    html.open("small").element("code", item.key()).close().close();
    html.element("td", field("meaning"));
    html.open("td", {{"class", "extra"}}).element("code", field("formula")).close();
    html.element("td", {{"class", "extra"}}, range);
    html.element("td", {{"class", "extra"}}, field("source")).close().newline();
  }
  html.close().close().close().newline();
}

void add_protocol(Markup& html, const ResultDocument& analysis) {
  html.open("section", {{"id", "protocol"}}).element("h2", "How it was measured").newline();
  if (const std::string text = analysis.text("protocol.description"); !text.empty()) {
    html.element("p", text).newline();
  }
  constexpr std::pair<const char*, const char*> kGroups[] = {{"protocol", "Protocol"},
                                                             {"model", "Model"},
                                                             {"data", "Data"},
                                                             {"compute", "Compute"},
                                                             {"software", "Software"},
                                                             {"config", "Options in effect"},
                                                             {"plan", "Memory plan"}};
  for (const auto& [key, title] : kGroups) {
    const Json* group = find_path(analysis.json(), key);
    if (group != nullptr && group->is_object() && !group->empty()) {
      html.element("h3", title).newline();
      add_properties(html, *group);
    }
  }
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
  html.append("<!DOCTYPE html>\n").open("html", {{"lang", "en"}}).newline();
  add_head(html, analysis);
  html.open("body").newline().open("main").newline();
  add_opening(html, analysis);
  add_messages(html, analysis);
  size_t number = 0;
  for (const Figure& figure : make_figures(analysis)) {
    add_figure(html, analysis, figure, ++number);
  }
  add_tables(html, analysis);
  add_definitions(html, analysis);
  add_protocol(html, analysis);
  html.open("footer")
      .text(
          fmt::format("Written by linscan {}. The complete result stands in this file as JSON, in "
                      "the element with the id ",
                      analysis.text("software.linscan")))
      .element("code", "result")
      .text(".")
      .close()
      .newline();
  html.close().newline();
  html.open("script", {{"type", "application/json"}, {"id", "result"}})
      .append(script_safe_json(document))
      .close()
      .newline();
  html.close().newline().close().newline();
  return html.take();
}

}  // namespace linscan
