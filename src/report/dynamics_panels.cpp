// The heat maps and the losses.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <utility>

#include "report/comparison_figures.h"
#include "report/dynamics_figures.h"
#include "report/heat_strip.h"
#include "report/markup.h"

namespace linscan {
namespace {

constexpr double kStripHeight = 620;  // of all rows, as far as rows of these heights allow
constexpr double kLowestRow = 5, kHighestRow = 22;
constexpr int kRowNames = 24;
constexpr int kShadeTicks = 6;

// All runs are shaded on one scale.
Range shade_range(const Dynamics& dynamics) {
  double low = INFINITY, high = -INFINITY;
  for (const TrainedRun& run : dynamics.runs()) {
    const std::string path = run.path_of(kUpdateScore);
    for (size_t i = 0; i < run.steps().size(); ++i) {
      for (const Row& row : run.analysis(i).blocks()) {
        if (const Number value = row.number(path); value) {
          low = std::min(low, std::max(*value, kLowestScore));
          high = std::max(high, std::max(*value, kLowestScore));
        }
      }
    }
  }
  return low > high ? Range{0, 1} : round_range({low, high}, kShadeTicks);
}

HeatStrip run_strip(const TrainedRun& run, size_t place, Range shades) {
  const std::string path = run.path_of(kUpdateScore);
  const auto blocks = static_cast<int64_t>(run.blocks());
  HeatStrip strip;
  strip.id = fmt::format("blocks-{}", place);
  strip.title = fmt::format("R² of the update of every block of {} over training", run.label());
  strip.description = "One row per block, one column per measured step; darker is more linear.";
  strip.column_name = "training step, as measured";
  strip.scale_name =
      run.in_sample(kUpdateScore) ? "R² of the update, in sample" : "R² of the update";
  strip.linear = shades;
  strip.cell_height =
      std::clamp(std::floor(kStripHeight / static_cast<double>(blocks)), kLowestRow, kHighestRow);
  for (const int64_t step : run.steps()) {
    strip.column_names.push_back(grouped(step));
  }
  const std::vector<int64_t> named = index_ticks(blocks, kRowNames + 1);
  for (int64_t block = 0; block < blocks; ++block) {
    HeatRow row;
    row.label = std::ranges::binary_search(named, block) ? fmt::format("block {}", block) : "";
    for (size_t i = 0; i < run.steps().size(); ++i) {
      const Row& of_block = run.analysis(i).blocks()[static_cast<size_t>(block)];
      const Number value = of_block.number(path);
      const bool roomy = strip.cell_height == kHighestRow;
      row.cells.push_back({value,
                           roomy ? fixed(value, 2) : "",
                           fmt::format("block {}, step {}: {}{}",
                                       block,
                                       run.steps()[i],
                                       metric_text(path, value),
                                       value ? "" : " (" + of_block.reason(path) + ")")});
    }
    strip.rows.push_back(std::move(row));
  }
  return strip;
}

TextTable strip_table(const TrainedRun& run) {
  const std::string path = run.path_of(kUpdateScore);
  TextTable table;
  table.columns = {{"", "block"}};
  for (const int64_t step : run.steps()) {
    table.columns.push_back({run.label() + ", step", grouped(step)});
  }
  for (size_t block = 0; block < run.blocks(); ++block) {
    table.rows.push_back({std::to_string(block)});
    for (size_t i = 0; i < run.steps().size(); ++i) {
      table.rows.back().push_back(metric_text(path, run.analysis(i).blocks()[block].number(path)));
    }
  }
  return table;
}

}  // namespace

void add_heat_figure(const Dynamics& dynamics, std::vector<DynamicsFigure>& figures) {
  if (!dynamics.shown(kUpdateScore)) {
    return;
  }
  const Range shades = shade_range(dynamics);
  DynamicsFigure figure = {{"fig-blocks",
                            "Which blocks change, and when?",
                            "",
                            "R² of the update, one row per block and one column per measured step; "
                            "the darker, the more linear. All runs are shaded on one scale.",
                            "Columns are as wide as each other, whatever the steps between them.",
                            {}},
                           {}};
  Markup out;
  for (size_t i = 0; i < dynamics.runs().size(); ++i) {
    const TrainedRun& run = dynamics.runs()[i];
    if (!run.comparison().any(run.path_of(kUpdateScore)) || run.blocks() == 0) {
      continue;
    }
    if (dynamics.runs().size() > 1) {
      out.element("h3", run.label()).newline();
    }
    out.append(draw_full_width(run_strip(run, i, shades)));
    figure.data.push_back(strip_table(run));
  }
  figure.figure.drawing = out.take();
  figures.push_back(std::move(figure));
}

namespace {

using Losses = std::function<std::vector<TrainingLog::Point>(const TrainingLog&)>;

std::vector<ChartSeries> loss_lines(const Dynamics& dynamics, const Losses& losses) {
  std::vector<ChartSeries> lines;
  for (size_t i = 0; i < dynamics.runs().size(); ++i) {
    ChartSeries line = run_style(dynamics, i);
    line.mark_spacing = model_style(i).mark_spacing;
    for (const TrainingLog::Point& point : losses(dynamics.runs()[i].log())) {
      ChartPoint drawn;
      drawn.x = static_cast<double>(point.step);
      drawn.y = point.loss;
      drawn.note = fmt::format(
          "{}, step {}: {}", dynamics.runs()[i].label(), point.step, fixed(point.loss, 4));
      add_point(std::move(drawn), line);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

TextTable loss_table(const Dynamics& dynamics, std::string_view name, const Losses& losses) {
  std::vector<std::map<int64_t, std::string>> cells;
  for (const TrainedRun& run : dynamics.runs()) {
    auto& column = cells.emplace_back();
    for (const TrainingLog::Point& point : losses(run.log())) {
      column[point.step] = fixed(point.loss, 4);
    }
  }
  return data_table(dynamics, name, cells);
}

// Panels side by side share the steps; an axis without points follows the other.
PositionAxis common_axis(PositionAxis a, const PositionAxis& b) {
  if (b.last > 0) {
    a.first = a.last > 0 ? std::min(a.first, b.first) : b.first;
    a.last = std::max(a.last, b.last);
  }
  a.first_name = a.first_name.empty() ? b.first_name : a.first_name;
  return a;
}

// What the training losses are, in words.
std::string loss_sentence(const Dynamics& dynamics) {
  std::vector<std::string> whole;
  for (const TrainedRun& run : dynamics.runs()) {
    if (!run.log().cross_entropy) {
      whole.push_back(run.label());
    }
  }
  return whole.empty() ? " Both are the cross-entropy, without a regulariser."
                       : fmt::format(" The training loss is the sum of all its parts for {}.",
                                     name_list(whole));
}

}  // namespace

void add_loss_figure(const Dynamics& dynamics, std::vector<DynamicsFigure>& figures) {
  if (!dynamics.any_losses()) {
    return;
  }
  const Losses training = [](const TrainingLog& log) { return smoothed(log.training); };
  const Losses held_out = [](const TrainingLog& log) { return log.held_out; };
  Chart left =
      step_chart("loss-training", "Training loss over steps", loss_lines(dynamics, training));
  left.y.label = "training loss, nats per token";
  Chart right =
      step_chart("loss-held-out", "Held-out loss over steps", loss_lines(dynamics, held_out));
  right.y.label = "held-out loss, nats per token";
  left.x = right.x = common_axis(left.x, right.x);
  figures.push_back(
      {{"fig-loss",
        "How does the loss fall?",
        framed(dynamics, {}, side_by_side({left, right}, 2, Naming::kBeside)),
        "Left: the training loss, averaged over stretches of steps that are equally wide on the "
        "axis. Right: the loss on held-out text." +
            loss_sentence(dynamics),
        "In nats per token of the run's own tokenizer: a longer token carries more of them.",
        {}},
       {loss_table(dynamics, "training loss", training),
        loss_table(dynamics, "held-out loss", held_out)}});
}

}  // namespace linscan
