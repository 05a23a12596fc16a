// Figures 5 and 6: direction and size of the updates, shape of the stream.
#include <fmt/format.h>

#include "report/figures.h"

namespace linscan {
namespace {

Chart block_chart(const ResultDocument& analysis,
                  std::string id,
                  std::string title,
                  std::string description) {
  Chart chart;
  chart.id = std::move(id);
  chart.title = std::move(title);
  chart.description = std::move(description);
  chart.x = block_axis(analysis);
  return chart;
}

// A metric of the stream's states: the embedding at -1, then the output of every block.
Chart state_chart(const ResultDocument& analysis, const Curve& curve, std::string id) {
  Chart chart = block_chart(analysis,
                            std::move(id),
                            curve.label + " over depth",
                            curve.label + " of the embedding and of every block's output.");
  chart.x.label = "output of block";
  chart.y.label = curve.label;
  ChartSeries series = block_series(analysis, curve, ValueTransform::kNone);
  if (analysis.embedding() && analysis.embedding()->number(curve.path)) {
    const Number value = analysis.embedding()->number(curve.path);
    chart.x.first = -1;
    chart.x.first_name = "emb";
    ChartPoint point;
    point.x = -1;
    point.y = value;
    point.note = fmt::format("embedding: {} {}", curve.label, metric_text(curve.path, value));
    series.points.insert(series.points.begin(), std::move(point));
  }
  series.label = "block output";
  chart.series.push_back(std::move(series));
  chart.series.push_back(
      post_norm_series(analysis, curve, ValueTransform::kNone, "after the final norm"));
  return chart;
}

bool any_of(const ResultDocument& analysis, const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (analysis.any(path)) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<Figure> norm_figure(const ResultDocument& analysis) {
  const std::vector<std::string> paths = {
      "cosine", "angular", "block_influence", "norm.ratio", "norm.in", "norm.out", "norm.update"};
  if (!any_of(analysis, paths)) {
    return std::nullopt;
  }
  Chart cosine = block_chart(analysis,
                             "cosine",
                             "Cosine of input and output over depth",
                             "Mean cosine between a token's state before and after each block.");
  cosine.y.label = "cosine of input and output";
  cosine.y.high = 1.0;
  cosine.series = {
      block_series(analysis, {"cosine", "cosine", 1}, ValueTransform::kNone),
      post_norm_series(
          analysis, {"cosine", "cosine", 1}, ValueTransform::kNone, "to the final-norm state")};
  cosine.series.front().label = "input to output";
  Chart ratio = block_chart(analysis,
                            "norm-ratio",
                            "Norm ratio over depth",
                            "Norm of the update over the norm of the block's output.");
  ratio.y.label = "‖update‖ / ‖output‖ (log)";
  ratio.y.logarithmic = true;
  ratio.series = {block_series(analysis, {"norm.ratio", "norm ratio", 2}, ValueTransform::kNone)};
  Chart norms = block_chart(
      analysis, "norms", "Norms over depth", "Mean norms of the block's input, output and update.");
  norms.y.label = "mean norm per token (log)";
  norms.y.logarithmic = true;
  norms.series = {
      block_series(analysis,
                   {"norm.in", "input", 1, LineStyle::kDashed, MarkStyle::kSmallDot, ""},
                   ValueTransform::kNone),
      block_series(analysis, {"norm.out", "output", 1}, ValueTransform::kNone),
      block_series(analysis, {"norm.update", "update", 2}, ValueTransform::kNone)};
  return Figure{"fig-norms",
                "In which direction and how far do the blocks move the stream?",
                side_by_side({cosine, ratio, norms}, 3),
                "Left: how much of a token's direction survives the block. Middle: how large the "
                "update is beside the stream it enters. Right: the norms themselves. Where the "
                "ratio is small the stream's R² is high by that alone.",
                "Means over tokens; where first tokens have enormous norms they pull the mean "
                "norms up.",
                paths};
}

std::optional<Figure> geometry_figure(const ResultDocument& analysis) {
  const std::vector<Curve> curves = {{"geometry.anisotropy", "anisotropy", 1},
                                     {"geometry.effective_rank", "effective rank", 3},
                                     {"geometry.intrinsic_dimension", "intrinsic dimension", 4}};
  std::vector<std::string> paths;
  std::vector<Chart> charts;
  for (const Curve& curve : curves) {
    Chart chart = state_chart(analysis, curve, curve.path.substr(curve.path.find('.') + 1));
    chart.y.low = 0.0;
    charts.push_back(std::move(chart));
    paths.push_back(curve.path);
  }
  charts.front().y.high = 1.0;
  if (!any_of(analysis, paths)) {
    return std::nullopt;
  }
  return Figure{
      "fig-geometry",
      "What shape does the stream have?",
      side_by_side(charts, 3),
      "Anisotropy is the share of the variance on the first principal component; the "
      "effective rank says over how many directions the variance is spread; the intrinsic "
      "dimension (TwoNN) is that of the cloud of tokens, seen locally.",
      "Where anisotropy is near 1, one direction decides every variance-weighted score.",
      paths};
}

}  // namespace linscan
