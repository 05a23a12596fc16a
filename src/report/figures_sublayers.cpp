// The figure of attention and MLP apart.
#include <algorithm>

#include "report/figures.h"

namespace linscan {
namespace {

// Attention and MLP as curves of one metric, by its path inside a sublayer.
std::vector<Curve> sublayer_curves(const std::string& metric, const std::string& interval) {
  const auto path = [&](const std::string& sublayer, const std::string& name) {
    return name.empty() ? "" : "sublayers." + sublayer + "." + name;
  };
  return {
      {path("attention", metric),
       "attention",
       1,
       LineStyle::kStrong,
       MarkStyle::kDot,
       path("attention", interval)},
      {path("mlp", metric), "MLP", 2, LineStyle::kStrong, MarkStyle::kDot, path("mlp", interval)}};
}

bool any_of(const ResultDocument& analysis, const std::vector<Curve>& curves) {
  return std::any_of(
      curves.begin(), curves.end(), [&](const Curve& curve) { return analysis.any(curve.path); });
}

// Held out with the interval; in sample where nothing was held out.
std::vector<Curve> score_curves(const ResultDocument& analysis, const std::string& variant) {
  const std::string group = "linearity." + variant + ".";
  const std::vector<Curve> held_out = sublayer_curves(group + "held_out", group + "held_out_ci");
  return any_of(analysis, held_out) ? held_out : sublayer_curves(group + "in_sample", "");
}

Chart sublayer_chart(const ResultDocument& analysis,
                     const std::vector<Curve>& curves,
                     ValueTransform transform,
                     std::string id,
                     std::string title,
                     std::string description) {
  Chart chart;
  chart.id = std::move(id);
  chart.title = std::move(title);
  chart.description = std::move(description);
  chart.x = block_axis(analysis);
  for (const Curve& curve : curves) {
    chart.series.push_back(block_series(analysis, curve, transform));
  }
  return chart;
}

}  // namespace

std::optional<Figure> sublayer_figure(const ResultDocument& analysis) {
  const std::vector<Curve> update = score_curves(analysis, "update");
  const std::vector<Curve> stream = score_curves(analysis, "stream");
  const std::vector<Curve> ratio = sublayer_curves("norm.ratio", "");
  if (!any_of(analysis, update) && !any_of(analysis, stream) && !any_of(analysis, ratio)) {
    return std::nullopt;
  }
  const bool held_out = update.front().path.ends_with("held_out");
  Chart left = sublayer_chart(analysis,
                              update,
                              ValueTransform::kNone,
                              "sublayer-update",
                              "Linearity of attention and MLP over depth",
                              "R² of what each sublayer adds, for every block.");
  left.y = r2_axis_from_zero("R² of the sublayer's update", left.series);
  Chart middle = sublayer_chart(analysis,
                                stream,
                                ValueTransform::kUnexplained,
                                "sublayer-stream",
                                "Unexplained share of the stream after each sublayer",
                                "One minus R² of the stream after each sublayer.");
  middle.y = unexplained_axis("stream");
  Chart right = sublayer_chart(analysis,
                               ratio,
                               ValueTransform::kNone,
                               "sublayer-ratio",
                               "Norm ratios of attention and MLP over depth",
                               "Norm of what each sublayer adds over the norm of the stream after "
                               "it.");
  right.y.label = "‖update‖ / ‖output‖ (log)";
  right.y.logarithmic = true;
  std::vector<std::string> paths;
  for (const std::vector<Curve>& curves : {update, stream, ratio}) {
    for (const Curve& curve : curves) {
      paths.push_back(curve.path);
      if (!curve.interval.empty()) {
        paths.push_back(curve.interval);
      }
    }
  }
  return Figure{
      "fig-sublayers",
      "Which half of the block is linear?",
      side_by_side({left, middle, right}, 3),
      "Attention and MLP apart, each with its own input: from the stream that it reads to the "
      "stream with what it adds" +
          std::string(held_out ? ", held out, with the interval over the folds. "
                               : ", in sample. ") +
          "Left: R² of the update. Middle: what the map leaves unexplained of the stream. Right: "
          "how large the update is beside the stream.",
      "A map of single tokens sees nothing of the other tokens that attention reads: what "
      "attention moves between tokens counts as not linear here, however simple it is.",
      paths};
}

}  // namespace linscan
