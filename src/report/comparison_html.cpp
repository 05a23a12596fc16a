// The page of a comparison, in the order in which it is read.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "linscan/base/version.h"
#include "report/columns.h"
#include "report/comparison_figures.h"
#include "report/comparison_tables.h"
#include "report/html.h"
#include "report/html_page.h"
#include "report/text.h"

namespace linscan {
namespace {

constexpr size_t kMaxNotes = 12;
constexpr size_t kMetricsPerTable = 2;

std::string page_title(const Comparison& comparison) {
  return comparison.models().size() == 1
             ? "Linearity of " + comparison.models().front().label + " over depth"
             : fmt::format("Linearity of {} models over depth", comparison.models().size());
}

// "6 to 32", "6" where all are alike.
template <typename Count>
std::string range_of(const Comparison& comparison, Count count) {
  int64_t low = INT64_MAX, high = 0;
  for (const ComparedModel& model : comparison.models()) {
    low = std::min<int64_t>(low, count(model.analysis));
    high = std::max<int64_t>(high, count(model.analysis));
  }
  return low == high ? grouped(low) : grouped(low) + " to " + grouped(high);
}

void add_opening(Markup& html, const Comparison& comparison) {
  html.open("header").newline();
  html.element("h1", page_title(comparison)).newline();
  const std::string blocks = range_of(comparison, [](const ResultDocument& analysis) {
    return static_cast<int64_t>(analysis.blocks().size());
  });
  const std::string width =
      range_of(comparison, [](const ResultDocument& analysis) { return analysis.d(); });
  const std::string tokens =
      range_of(comparison, [](const ResultDocument& analysis) { return analysis.n(); });
  html.element("p",
               {{"class", "lead"}},
               fmt::format("{} blocks · hidden size {} · {} tokens scored", blocks, width, tokens))
      .newline();
  html.close().newline();
}

// The models by the mean of their update score, where it is held out.
std::string order_sentence(const Comparison& comparison) {
  std::vector<std::pair<double, std::string>> means;
  for (const ComparedModel& model : comparison.models()) {
    if (const auto summary = summarize_metric(model.analysis, kUpdateScore.path); summary) {
      means.emplace_back(summary->mean, model.label);
    }
  }
  if (means.size() < 2) {
    return "";
  }
  std::stable_sort(
      means.begin(), means.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  return fmt::format(
      "By the mean held-out R² of the update over their blocks, {} is the most linear with {} and "
      "{} the least with {}, of {} models.",
      means.front().second,
      fixed(means.front().first, 3),
      means.back().second,
      fixed(means.back().first, 3),
      means.size());
}

void add_models(Markup& html, const Comparison& comparison) {
  html.open("section", {{"class", "summary"}}).element("h2", "Models").newline();
  std::vector<std::string> keys;
  keys.reserve(comparison.models().size());
  for (size_t i = 0; i < comparison.models().size(); ++i) {
    keys.push_back(draw_key(model_style(i)));
  }
  add_text_table(html, models_table(comparison), keys);
  if (const std::string sentence = order_sentence(comparison); !sentence.empty()) {
    html.element("p", sentence).newline();
  }
  html.close().newline();
}

// The blocks of all models, one column per model.
TextTable data_table(const Comparison& comparison, const ComparedMetric& metric) {
  TextTable table;
  table.columns = {{"", "block"}};
  size_t blocks = 0;
  bool post_norm = false;
  for (const ComparedModel& model : comparison.models()) {
    table.columns.push_back(
        {"", model.label + (is_in_sample(model.analysis, metric) ? " (in sample)" : "")});
    blocks = std::max(blocks, model.analysis.blocks().size());
    post_norm |= model.analysis.post_norm() && !of_blocks_only(metric.path);
  }
  const auto add_row = [&](const std::string& name, const auto& find) {
    table.rows.push_back({name});
    for (const ComparedModel& model : comparison.models()) {
      const std::string path = chosen_path(model.analysis, metric);
      const Row* row = find(model.analysis);
      std::string cell = row == nullptr ? "" : metric_text(path, row->number(path));
      if (row != nullptr && row->number(path + "_ci.low")) {
        cell += " " + cell_text(*row, {path + "_ci", true});
      }
      table.rows.back().push_back(std::move(cell));
    }
  };
  for (size_t block = 0; block < blocks; ++block) {
    add_row(std::to_string(block), [&](const ResultDocument& analysis) -> const Row* {
      return block < analysis.blocks().size() ? &analysis.blocks()[block] : nullptr;
    });
  }
  if (post_norm) {
    add_row("post-norm", [](const ResultDocument& analysis) -> const Row* {
      return analysis.post_norm() ? &*analysis.post_norm() : nullptr;
    });
  }
  return table;
}

std::vector<std::string> missing_lines(const Comparison& comparison,
                                       const std::vector<ComparedMetric>& metrics) {
  std::vector<std::string> lines;
  size_t left_out = 0;
  for (const ComparedModel& model : comparison.models()) {
    std::vector<std::string> paths;
    paths.reserve(metrics.size());
    for (const ComparedMetric& metric : metrics) {
      paths.push_back(chosen_path(model.analysis, metric));
    }
    for (const std::string& note : missing_notes(model.analysis, paths)) {
      if (lines.size() < kMaxNotes) {
        lines.push_back(model.label + ": " + note);
      } else {
        ++left_out;
      }
    }
  }
  if (left_out > 0) {
    lines.push_back(fmt::format("and {} more", left_out));
  }
  return lines;
}

void add_figures(Markup& html, const Comparison& comparison) {
  size_t number = 0;
  for (const ComparisonFigure& item : make_comparison_figures(comparison)) {
    add_figure(html, item.figure, ++number, missing_lines(comparison, item.metrics), [&] {
      for (const ComparedMetric& metric : item.metrics) {
        html.element("h3", metric.label).newline();
        add_text_table(html, data_table(comparison, metric), {});
      }
    });
  }
}

void add_summaries(Markup& html, const Comparison& comparison) {
  html.open("section", {{"id", "summaries"}}).element("h2", "Over the blocks").newline();
  html.element("p",
               "Mean, lowest and highest value over the blocks of each model, with the index of "
               "the block. The post-norm point is not among them.");
  bool any = false;
  for (size_t i = 0; i < kComparedMetrics.size(); i += kMetricsPerTable) {
    const size_t count = std::min(kMetricsPerTable, kComparedMetrics.size() - i);
    const TextTable table =
        summary_table(comparison, std::span(kComparedMetrics).subspan(i, count));
    if (!table.rows.empty()) {
      add_text_table(html, table, {});
      any = true;
    }
  }
  if (!any) {
    html.element("p", "No metric of the blocks is in these results.");
  }
  if (has_stand_ins(comparison)) {
    html.element(
        "p",
        {{"class", "caveat"}},
        fmt::format("{} in sample, because the result has no held-out score.", kInSampleMark));
  }
  html.close().newline();
}

void add_runs(Markup& html, const Comparison& comparison) {
  html.open("section", {{"id", "protocol"}}).element("h2", "How each was measured").newline();
  for (const ComparedModel& model : comparison.models()) {
    html.open("details").element("summary", model.label).newline();
    Json run = Json::object();
    for (const char* key :
         {"model", "data", "protocol", "compute", "software", "config", "seed", "date"}) {
      if (const Json* value = find_path(model.analysis.json(), key); value != nullptr) {
        run[key] = *value;
      }
    }
    add_properties(html, run);
    html.close().newline();
  }
  html.close().newline();
}

}  // namespace

std::string render_comparison_html(const std::vector<ComparisonInput>& inputs) {
  const Comparison comparison(inputs);
  const Json document = make_comparison(inputs);
  Markup html;
  open_page(html, page_title(comparison));
  add_opening(html, comparison);
  add_warnings(html, "These runs differ", comparison.differences());
  add_models(html, comparison);
  add_figures(html, comparison);
  add_summaries(html, comparison);
  add_warnings(html, "Warnings of the single results", comparison.warnings());
  add_definitions(html, document.at("metrics"));
  add_runs(html, comparison);
  close_page(html, std::string(version()), document);
  return html.take();
}

}  // namespace linscan
