// A ladder for a terminal, as Markdown, as CSV and as a page.
#include "linscan/report/ladder_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "report/comparison_figures.h"
#include "report/document.h"
#include "report/figures.h"
#include "report/html.h"
#include "report/html_page.h"
#include "report/ladder_document.h"
#include "report/text.h"

namespace linscan {
namespace {

constexpr int kLabelWidth = 11;
constexpr int kTicks = 8;
// Of a terminal, and of a column of numbers on it.
constexpr int kWidth = 118;
constexpr int kColumnWidth = 9;
constexpr int kErrorColumnWidth = 15;

constexpr std::string_view kErrorRemark = "± one standard error over the items of the task";

std::string title_of(const LadderDocument& ladder) {
  return "Ladder of " + ladder.model_name();
}

ChartPoint ladder_point(double k, Number value, Number error, const std::string& note) {
  ChartPoint point;
  point.x = k;
  point.y = value;
  if (value && error) {
    point.low = *value - *error;
    point.high = *value + *error;
  }
  point.note = note;
  return point;
}

// One method with one criterion, from the dense model on.
ChartSeries ladder_series(const LadderDocument& ladder,
                          const LadderFigure& figure,
                          const LadderLine& line) {
  const auto& methods = ladder.methods();
  const auto place = std::find(methods.begin(), methods.end(), line.method) - methods.begin();
  ChartSeries series = model_style(static_cast<size_t>(place));
  series.label = line.method;
  series.mark_spacing = 0;
  const Number dense = ladder.dense(figure.path);
  if (dense && line.rungs.front().k > 0) {
    series.points.push_back(ladder_point(
        0, dense, ladder.dense(figure.error), "no block edited: " + significant(dense, 4)));
  }
  for (const LadderRung& rung : line.rungs) {
    const Number value = rung.number(figure.path);
    series.points.push_back(
        ladder_point(static_cast<double>(rung.k),
                     value,
                     rung.number(figure.error),
                     fmt::format("{}, {} block{} by {}: {}{}",
                                 line.method,
                                 rung.k,
                                 rung.k == 1 ? "" : "s",
                                 line.by,
                                 significant(value, 4),
                                 rung.blocks.empty() ? "" : " (" + rung.blocks + ")")));
  }
  return series;
}

// Panels can be compared only on one axis.
void share_axis(std::vector<Chart>& charts) {
  double low = INFINITY, high = -INFINITY;
  for (const Chart& chart : charts) {
    for (const ChartSeries& series : chart.series) {
      for (const ChartPoint& point : series.points) {
        for (const Number& value : {point.y, point.low, point.high}) {
          if (value && (!chart.y.logarithmic || *value > 0)) {
            low = std::min(low, *value);
            high = std::max(high, *value);
          }
        }
      }
    }
  }
  if (low > high) {
    return;
  }
  for (Chart& chart : charts) {
    const Range range =
        chart.y.logarithmic ? round_log_range({low, high}) : round_range({low, high}, kTicks);
    chart.y.low = range.low;
    chart.y.high = range.high;
  }
}

// One chart per criterion.
std::vector<Chart> ladder_charts(const LadderDocument& ladder,
                                 const LadderFigure& figure,
                                 size_t number) {
  std::vector<Chart> charts;
  for (const std::string& by : ladder.criteria()) {
    Chart chart;
    chart.id = fmt::format("ladder-{}-{}", number, charts.size());
    chart.title =
        fmt::format("{} over the number of edited blocks, chosen by {}", figure.label, by);
    chart.description = "One line per method, from the model as it is.";
    chart.x = {fmt::format("edited blocks, chosen by {}", by),
               0,
               static_cast<double>(ladder.largest_k()),
               AxisKind::kIndex,
               ""};
    chart.y.logarithmic = figure.lower_is_better;
    chart.y.label = figure.label + (figure.error.empty() ? "" : " accuracy") +
                    (chart.y.logarithmic ? " (log)" : "");
    for (const LadderLine& line : ladder.lines()) {
      if (line.by == by) {
        chart.series.push_back(ladder_series(ladder, figure, line));
      }
    }
    if (has_points(chart)) {
      charts.push_back(std::move(chart));
    }
  }
  share_axis(charts);
  return charts;
}

std::string drawing_of(const std::vector<Chart>& charts) {
  return charts.size() == 1 ? full_width(charts.front())
                            : side_by_side(charts, charts.size() == 2 ? 2 : 3);
}

Figure ladder_plot(const LadderDocument& ladder, const LadderFigure& figure, size_t number) {
  const std::string panels =
      ladder.criteria().size() == 1 ? "" : " One panel per criterion that chooses the blocks.";
  return {fmt::format("fig-{}", number),
          figure.title + " over the number of edited blocks",
          drawing_of(ladder_charts(ladder, figure, number)),
          "One line per method, from the model as it is." + panels +
              (figure.error.empty() ? ""
                                    : " Bands and whiskers are one standard error to either side."),
          figure.error.empty() ? "On the evaluation text alone: another text gives other numbers."
                               : "Differences smaller than these errors say nothing.",
          {}};
}

void add_tables(Markup& html, const LadderDocument& ladder, const LadderFigure& figure) {
  for (const TextTable& table : ladder.tables(figure, SIZE_MAX)) {
    add_text_table(html, table, {});
  }
}

// Columns of numbers that fit a terminal beside the names.
size_t columns_of_terminal(const LadderDocument& ladder, const LadderFigure& figure) {
  int method = display_width("method"), by = display_width("chosen by");
  for (const LadderLine& line : ladder.lines()) {
    method = std::max(method, display_width(line.method));
    by = std::max(by, display_width(line.by));
  }
  const int column = figure.error.empty() ? kColumnWidth : kErrorColumnWidth;
  return static_cast<size_t>(std::max(1, (kWidth - method - 2 - by) / column));
}

std::string csv_number(Number value) {
  return value ? exact(*value) : std::string();
}

// The numbers of a row of the CSV, by the path of the object that has them.
std::string csv_numbers(const LadderDocument& ladder,
                        const Json& owner,
                        const std::string& prefix) {
  std::string out;
  for (const char* path : {"perplexity", "kl", "top1", "parameters"}) {
    out += "," + csv_number(number_at(owner, prefix + path));
  }
  for (const std::string& task : ladder.tasks()) {
    for (const char* key : {"acc", "stderr"}) {
      out += "," + csv_number(number_at(owner, fmt::format("{}tasks.{}.{}", prefix, task, key)));
    }
  }
  return out + "\r\n";
}

}  // namespace

std::string render_ladder_table(const Json& document) {
  const LadderDocument ladder(document);
  std::string out =
      labelled_text("model", ladder.model_name() + " · " + model_line(document), kLabelWidth);
  if (const std::string data = data_line(document); !data.empty()) {
    out += labelled_text("fitted to", data, kLabelWidth);
  }
  const std::vector<LadderFigure> figures = ladder.figures();
  if (figures.empty()) {
    out += "\nno number of the rungs is in this result\n";
  }
  bool errors = false;
  for (const LadderFigure& figure : figures) {
    out += "\n" + figure.title + "\n";
    errors |= !figure.error.empty();
    for (const TextTable& table : ladder.tables(figure, columns_of_terminal(ladder, figure))) {
      out += "\n" + draw_text_table(table);
    }
  }
  std::string gap = "\n";
  if (errors) {
    out += std::exchange(gap, "") + labelled_text("", kErrorRemark, kLabelWidth);
  }
  for (const std::string& sentence : ladder.summary()) {
    out += std::exchange(gap, "") + labelled_text("", sentence, kLabelWidth);
  }
  for (const std::string& warning : ladder.warnings()) {
    out += std::exchange(gap, "") + labelled_text("warning", warning, kLabelWidth);
  }
  return out;
}

std::string render_ladder_markdown(const Json& document) {
  const LadderDocument ladder(document);
  std::string out = fmt::format("# {}\n\n{}  \n{}\n\n",
                                markdown_text(title_of(ladder)),
                                markdown_text(model_line(document)),
                                markdown_text(data_line(document)));
  out += markdown_list("Warnings", ladder.warnings());
  out += markdown_list("In short", ladder.summary());
  for (const LadderFigure& figure : ladder.figures()) {
    out += fmt::format("## {}\n\n", markdown_text(figure.title));
    for (const TextTable& table : ladder.tables(figure, SIZE_MAX)) {
      out += draw_markdown_table(table) + "\n";
    }
    out += figure.error.empty() ? "" : markdown_text(kErrorRemark) + ".\n\n";
  }
  return out;
}

std::string render_ladder_csv(const Json& document) {
  const LadderDocument ladder(document);
  std::string out = "method,by,k,blocks,perplexity,kl,top1,parameters";
  for (const std::string& task : ladder.tasks()) {
    out += "," + csv_field(task + ".acc") + "," + csv_field(task + ".stderr");
  }
  out += "\r\n";
  if (find_path(document, "dense") != nullptr) {
    out += "dense,,0," + csv_numbers(ladder, document, "dense.");
  }
  for (const LadderLine& line : ladder.lines()) {
    for (const LadderRung& rung : line.rungs) {
      out += fmt::format("{},{},{},{}",
                         csv_field(line.method),
                         csv_field(line.by),
                         rung.k,
                         csv_field(rung.blocks)) +
             csv_numbers(ladder, *rung.json, "");
    }
  }
  return out;
}

std::string render_ladder_html(const Json& document) {
  const LadderDocument ladder(document);
  Markup html;
  open_page(html, title_of(ladder));
  add_header(html, title_of(ladder), {model_line(document), data_line(document)}, ladder.facts());
  add_warnings(html, ladder.warnings().size() == 1 ? "Warning" : "Warnings", ladder.warnings());
  if (const auto sentences = ladder.summary(); !sentences.empty()) {
    html.open("section", {{"class", "summary"}}).element("h2", "In short").newline();
    add_list(html, sentences);
    html.close().newline();
  }
  const std::vector<LadderFigure> figures = ladder.figures();
  for (size_t i = 0; i < figures.size(); ++i) {
    add_figure(html, ladder_plot(ladder, figures[i], i + 1), i + 1, {}, [&] {
      add_tables(html, ladder, figures[i]);
    });
  }
  html.open("section", {{"id", "numbers"}}).element("h2", "All numbers").newline();
  if (figures.empty()) {
    html.element("p", "No number of the rungs is in this result.");
  }
  for (const LadderFigure& figure : figures) {
    html.element("h3", figure.title).newline();
    add_tables(html, ladder, figure);
  }
  html.close().newline();
  close_with_protocol(html,
                      document,
                      "How it was measured",
                      {{"model", "Model"},
                       {"dense", "The model as it is"},
                       {"data", "Fitted to"},
                       {"evaluation_data", "Measured on"},
                       {"compute", "Compute"},
                       {"software", "Software"},
                       {"config", "Options in effect"}});
  return html.take();
}

}  // namespace linscan
