// The page and the CSV of a training.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "linscan/report/training.h"
#include "report/document.h"
#include "report/dynamics_figures.h"
#include "report/html.h"
#include "report/html_page.h"
#include "report/training_document.h"

namespace linscan {
namespace {

ChartSeries score_line(const Json& linearity, const char* key, int color) {
  ChartSeries line;
  line.label = fmt::format("{} R²", key);
  line.color = color;
  line.mark = color == 1 ? MarkStyle::kDot : MarkStyle::kSquare;
  for (const Json& entry : linearity) {
    ChartPoint point;
    point.x = entry.at("step").get<double>();
    point.y = number_at(entry, key);
    point.note = fmt::format(
        "step {}: {} {}", entry.at("step").get<int64_t>(), line.label, fixed(point.y, 4));
    add_point(std::move(point), line);
  }
  return line;
}

void add_linearity(Markup& html, const Json& document) {
  const Json& linearity = document["linearity"];
  Chart chart =
      step_chart("linearity",
                 "Linearity over training",
                 {score_line(linearity, "update", 1), score_line(linearity, "stream", 2)});
  if (!has_points(chart)) {
    return;
  }
  chart.description = "Mean over the blocks of the held-out R² of update and stream.";
  chart.y = r2_axis_from_zero("R², held out, mean over blocks", chart.series);
  add_figure(html,
             {"fig-linearity",
              "How linear are the blocks in the course of training?",
              full_width(chart),
              "The share of the variance that an affine map of a block's input predicts, of what "
              "the block adds (update) and of its whole output (stream).",
              "A mean hides blocks that move against each other; `linscan compare` on the folder "
              "of the run shows each of them, with norms, rank and losses.",
              {}},
             1,
             {},
             [&] { add_text_table(html, training_steps_table(document), {}); });
}

}  // namespace

std::string render_training_csv(const Json& document) {
  validate_training(document);
  std::string out = "step,update,stream\r\n";
  const auto field = [](Number value) { return value ? exact(*value) : std::string(); };
  for (const Json& entry : document["linearity"]) {
    out += fmt::format("{},{},{}\r\n",
                       entry.at("step").get<int64_t>(),
                       field(number_at(entry, "update")),
                       field(number_at(entry, "stream")));
  }
  return out;
}

std::string render_training_html(const Json& document) {
  validate_training(document);
  Markup html;
  const std::string command = text_at(document, "command");
  const std::string title = command.empty() ? "Training" : "Training by " + command;
  open_page(html, title);
  add_titled_facts(html, title, training_facts(document));
  add_linearity(html, document);
  close_with_protocol(html,
                      document,
                      "How it was made",
                      {{"settings", "Settings"},
                       {"model", "Model"},
                       {"data", "Data"},
                       {"evaluation", "Held-out text"},
                       {"compute", "Compute"},
                       {"software", "Software"},
                       {"config", "Options in effect"}});
  return html.take();
}

}  // namespace linscan
