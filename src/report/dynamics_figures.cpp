#include "report/dynamics_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "report/comparison_figures.h"
#include "report/markup.h"

namespace linscan {
namespace {

// Every step of every run, for the ends of the axis.
PositionAxis step_axis(const std::vector<ChartSeries>& series) {
  PositionAxis axis{"training step (log)", INFINITY, 0, AxisKind::kSteps, ""};
  for (const ChartSeries& line : series) {
    for (const ChartPoint& point : line.points) {
      if (point.x <= 0) {
        axis.first_name = "0";
      } else {
        axis.first = std::min(axis.first, point.x);
        axis.last = std::max(axis.last, point.x);
      }
    }
  }
  axis.first = std::isfinite(axis.first) ? axis.first : 1;
  return axis;
}

ChartPoint mean_point(const TrainedRun& run,
                      size_t place,
                      const ComparedMetric& metric,
                      ValueTransform transform,
                      bool extremes) {
  const std::string path = run.path_of(metric);
  const std::optional<Summary> summary = run.summary(place, path);
  ChartPoint point;
  point.x = static_cast<double>(run.steps()[place]);
  if (!summary) {
    return point;
  }
  const bool unexplained = transform == ValueTransform::kUnexplained;
  point.y = unexplained ? 1 - summary->mean : summary->mean;
  if (extremes) {
    point.low = unexplained ? 1 - summary->highest.value : summary->lowest.value;
    point.high = unexplained ? 1 - summary->lowest.value : summary->highest.value;
  }
  point.note = fmt::format("{}, step {}: {} {} (block {}: {}, block {}: {})",
                           run.label(),
                           run.steps()[place],
                           metric.label,
                           metric_text(path, summary->mean),
                           summary->lowest.block,
                           metric_text(path, summary->lowest.value),
                           summary->highest.block,
                           metric_text(path, summary->highest.value));
  return point;
}

// Of a single run with the range of its blocks; bands of several would hide each other.
std::vector<ChartSeries> mean_lines(const Dynamics& dynamics,
                                    const ComparedMetric& metric,
                                    ValueTransform transform = ValueTransform::kNone) {
  std::vector<ChartSeries> lines;
  for (size_t i = 0; i < dynamics.runs().size(); ++i) {
    const TrainedRun& run = dynamics.runs()[i];
    ChartSeries line = run_style(dynamics, i);
    for (size_t place = 0; place < run.steps().size(); ++place) {
      add_point(mean_point(run, place, metric, transform, dynamics.runs().size() == 1), line);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

TextTable mean_table(const Dynamics& dynamics, const ComparedMetric& metric) {
  std::vector<std::map<int64_t, std::string>> cells;
  for (const TrainedRun& run : dynamics.runs()) {
    auto& column = cells.emplace_back();
    const std::string path = run.path_of(metric);
    for (size_t i = 0; i < run.steps().size(); ++i) {
      const std::optional<Summary> summary = run.summary(i, path);
      column[run.steps()[i]] = metric_text(path, summary ? Number(summary->mean) : std::nullopt);
    }
  }
  return data_table(dynamics, metric.label, cells);
}

std::string over_steps(const Dynamics& dynamics) {
  return dynamics.runs().size() == 1
             ? " The line is the mean over the blocks, the band or whiskers reach from the lowest "
               "block to the highest."
             : " Every line is a run, the mean over its blocks.";
}

std::string score_sentence(const Dynamics& dynamics, const ComparedMetric& metric) {
  if (!dynamics.any_in_sample(metric)) {
    return " Held out.";
  }
  return dynamics.any(metric.path)
             ? " Held out, except for the runs marked \"in sample\", whose scores are higher for "
               "that alone."
             : " In sample: none of the results has a held-out score.";
}

void add_update_figure(const Dynamics& dynamics, std::vector<DynamicsFigure>& figures) {
  if (!dynamics.shown(kUpdateScore)) {
    return;
  }
  Chart chart = step_chart(
      "update", "Linearity of the update over training", mean_lines(dynamics, kUpdateScore));
  chart.y = r2_axis_from_zero("R² of the update, mean over blocks", chart.series);
  figures.push_back(
      {{"fig-update",
        "How linear is what the blocks add, in the course of training?",
        framed(dynamics, {kUpdateScore}, full_width(chart, Naming::kBeside)),
        "As figure 2 of Razzhigaev et al. 2024, without the residual: the share of the variance of "
        "a block's update that an affine map of its input predicts." +
            over_steps(dynamics) + score_sentence(dynamics, kUpdateScore),
        "A mean hides blocks that move against each other: the heat map shows each of them.",
        {}},
       {mean_table(dynamics, kUpdateScore)}});
}

void add_stream_figure(const Dynamics& dynamics, std::vector<DynamicsFigure>& figures) {
  if (!dynamics.shown(kStreamScore)) {
    return;
  }
  Chart linear = step_chart(
      "stream", "Linearity of the stream over training", mean_lines(dynamics, kStreamScore));
  linear.y = r2_axis("R² of the stream, mean over blocks");
  Chart unexplained = step_chart("stream-unexplained",
                                 "Unexplained share of the stream over training",
                                 mean_lines(dynamics, kStreamScore, ValueTransform::kUnexplained));
  unexplained.y = unexplained_axis("stream");
  figures.push_back(
      {{"fig-stream",
        "And the stream from block to block?",
        framed(dynamics, {kStreamScore}, side_by_side({linear, unexplained}, 2, Naming::kBeside)),
        "The same map scored on the block's whole output, with the residual. Left: R². Right: what "
        "it leaves unexplained." +
            over_steps(dynamics) + score_sentence(dynamics, kStreamScore),
        "Near 1 wherever the update is small beside the stream (the next figure), whatever the "
        "block computes.",
        {}},
       {mean_table(dynamics, kStreamScore)}});
}

void add_size_figure(const Dynamics& dynamics, std::vector<DynamicsFigure>& figures) {
  Chart ratio =
      step_chart("norm-ratio", "Norm ratio over training", mean_lines(dynamics, kNormRatio));
  ratio.y.label = "‖update‖ / ‖output‖, mean over blocks (log)";
  ratio.y.logarithmic = true;
  Chart rank = step_chart(
      "effective-rank", "Effective rank over training", mean_lines(dynamics, kEffectiveRank));
  rank.y.label = "effective rank, mean over blocks (log)";
  rank.y.logarithmic = true;
  if (!has_points(ratio) && !has_points(rank)) {
    return;
  }
  DynamicsFigure figure = {
      {"fig-size",
       "How far do the blocks move the stream, and over how many directions does it spread?",
       framed(dynamics, {}, side_by_side({ratio, rank}, 2, Naming::kBeside)),
       "Left: the size of the update beside the stream it enters. Right: over how many directions "
       "the variance of the states after the blocks is spread." +
           over_steps(dynamics),
       "The effective rank can be no larger than d: compare it between runs of one width.",
       {}},
      {}};
  for (const ComparedMetric& metric : {kNormRatio, kEffectiveRank}) {
    if (dynamics.shown(metric)) {
      figure.data.push_back(mean_table(dynamics, metric));
    }
  }
  figures.push_back(std::move(figure));
}

}  // namespace

Chart step_chart(std::string id, std::string title, std::vector<ChartSeries> series) {
  Chart chart;
  chart.id = std::move(id);
  chart.title = std::move(title);
  chart.description = "One line per run, over training steps.";
  chart.x = step_axis(series);
  chart.series = std::move(series);
  return chart;
}

void add_point(ChartPoint point, ChartSeries& line) {
  const bool zero = point.x <= 0;
  line.points.push_back(std::move(point));
  if (zero) {
    line.points.emplace_back();
  }
}

ChartSeries run_style(const Dynamics& dynamics, size_t place) {
  ChartSeries style = model_style(place);
  style.label = dynamics.runs()[place].label();
  style.mark_spacing = 12;  // a mark says where a run was measured
  style.mark_shift = 0;
  return style;
}

std::string framed(const Dynamics& dynamics,
                   const std::vector<ComparedMetric>& metrics,
                   const std::string& drawing) {
  Markup out;
  out.open("div", {{"class", "many"}}).newline();
  if (dynamics.runs().size() > 1) {
    out.open("ul", {{"class", "names"}, {"aria-label", "Runs"}}).newline();
    for (size_t i = 0; i < dynamics.runs().size(); ++i) {
      const TrainedRun& run = dynamics.runs()[i];
      const bool in_sample = std::ranges::any_of(
          metrics, [&](const ComparedMetric& metric) { return run.in_sample(metric); });
      out.open("li").append(draw_key(model_style(i)));
      out.open("span").text(run.label() + (in_sample ? " (in sample)" : "")).close();
      out.close().newline();
    }
    out.close().newline();
  }
  return out.append(drawing).close().take();
}

TextTable data_table(const Dynamics& dynamics,
                     std::string_view name,
                     const std::vector<std::map<int64_t, std::string>>& cells) {
  TextTable table;
  table.columns = {{"", "step"}};
  std::map<int64_t, std::vector<std::string>> rows;
  for (size_t i = 0; i < cells.size(); ++i) {
    table.columns.push_back({std::string(name), dynamics.runs()[i].label()});
    for (const auto& [step, cell] : cells[i]) {
      auto& row = rows.try_emplace(step, cells.size()).first->second;
      row[i] = cell;
    }
  }
  for (auto& [step, row] : rows) {
    row.insert(row.begin(), grouped(step));
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::vector<DynamicsFigure> make_dynamics_figures(const Dynamics& dynamics) {
  std::vector<DynamicsFigure> figures;
  add_update_figure(dynamics, figures);
  add_heat_figure(dynamics, figures);
  add_stream_figure(dynamics, figures);
  add_size_figure(dynamics, figures);
  add_loss_figure(dynamics, figures);
  return figures;
}

}  // namespace linscan
