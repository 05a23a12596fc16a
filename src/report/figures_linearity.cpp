// Figures 1, 2 and 7: the scores over depth, and what they rest on.
#include <fmt/format.h>

#include <algorithm>

#include "report/figures.h"

namespace linscan {
namespace {

std::string null_label(const ResultDocument& analysis) {
  return "null " + significant(analysis.null_score(), 2);
}

Curve held_out(const std::string& variant) {
  return {"linearity." + variant + ".held_out",
          "held out",
          1,
          LineStyle::kStrong,
          MarkStyle::kDot,
          "linearity." + variant + ".held_out_ci"};
}

Curve in_sample(const std::string& variant) {
  return {"linearity." + variant + ".in_sample",
          "in sample",
          2,
          LineStyle::kThin,
          MarkStyle::kSmallDot,
          ""};
}

Curve adjusted(const std::string& variant) {
  return {"linearity." + variant + ".adjusted",
          "adjusted",
          3,
          LineStyle::kDashed,
          MarkStyle::kSmallDot,
          ""};
}

bool has_scores(const ResultDocument& analysis, const std::string& variant) {
  return analysis.any("linearity." + variant + ".held_out") ||
         analysis.any("linearity." + variant + ".in_sample");
}

// The curves of one variant, thin ones first, with the post-norm point of the score that is read
// first.
std::vector<ChartSeries> score_series(const ResultDocument& analysis,
                                      const std::vector<Curve>& curves,
                                      ValueTransform transform) {
  std::vector<ChartSeries> series;
  for (const Curve& curve : curves) {
    series.push_back(block_series(analysis, curve, transform));
  }
  const Curve& first = curves.front();
  series.push_back(post_norm_series(analysis, first, transform, "to the final-norm state"));
  return series;
}

std::string post_norm_sentence(const ResultDocument& analysis) {
  return analysis.post_norm() ? " The hollow mark is the last block scored against the state after "
                                "the final norm; the line stops before that norm."
                              : "";
}

std::vector<std::string> score_paths(const std::string& variant) {
  const std::string group = "linearity." + variant + ".";
  return {group + "held_out",
          group + "held_out_ci",
          group + "in_sample",
          group + "adjusted",
          group + "median_feature",
          group + "without_top_pc"};
}

}  // namespace

std::optional<Figure> update_figure(const ResultDocument& analysis) {
  if (!has_scores(analysis, "update")) {
    return std::nullopt;
  }
  Chart chart;
  chart.id = "update";
  chart.title = "Linearity of the update over depth";
  chart.description =
      "Held-out R² of the update with its interval for every block, with the "
      "in-sample and the adjusted score as thin lines.";
  chart.x = block_axis(analysis);
  chart.series = score_series(analysis,
                              {held_out("update"), in_sample("update"), adjusted("update")},
                              ValueTransform::kNone);
  if (analysis.null_score()) {
    chart.references.push_back({*analysis.null_score(), null_label(analysis)});
  }
  chart.y = r2_axis_from_zero("R² of the update", chart.series);
  return Figure{
      "fig-update",
      "How linear is what each block adds?",
      full_width(chart),
      "Each point is the share of the variance of a block's update (output minus input) "
      "that an affine map of its input predicts on documents it was not fitted on; the "
      "band or whisker is the interval over the folds. The dashed grey line is what "
      "unrelated data would score in sample." +
          post_norm_sentence(analysis) +
          (lowest_value(chart.series) < kLowestScore ? " Triangles are scores below the axis."
                                                     : ""),
      "A gap between the in-sample and the held-out line is over-fitting, not linearity. "
      "Variance-weighted: a few large directions can decide the score (see the last "
      "figure).",
      score_paths("update")};
}

std::optional<Figure> stream_figure(const ResultDocument& analysis) {
  if (!has_scores(analysis, "stream")) {
    return std::nullopt;
  }
  const Curve identity{"baselines.scaled_identity",
                       "scaled identity",
                       5,
                       LineStyle::kDashed,
                       MarkStyle::kSmallDot,
                       ""};
  const std::vector<Curve> curves = {
      held_out("stream"), in_sample("stream"), adjusted("stream"), identity};
  Chart linear;
  linear.id = "stream";
  linear.title = "Linearity of the stream over depth";
  linear.description =
      "Held-out, in-sample and adjusted R² of the stream, with scaled identity as "
      "the baseline.";
  linear.x = block_axis(analysis);
  linear.y = r2_axis("R² of the stream");
  linear.series = score_series(analysis, curves, ValueTransform::kNone);
  if (analysis.null_score()) {
    linear.references.push_back({*analysis.null_score(), null_label(analysis)});
  }
  Chart unexplained = linear;
  unexplained.id = "stream-unexplained";
  unexplained.title = "Unexplained share of the stream over depth";
  unexplained.description = "The same scores as one minus R² on a logarithmic axis.";
  unexplained.y = unexplained_axis("stream");
  unexplained.series = score_series(analysis, curves, ValueTransform::kUnexplained);
  unexplained.references.clear();
  std::vector<std::string> paths = score_paths("stream");
  paths.push_back("baselines.scaled_identity");
  return Figure{"fig-stream",
                "How linear is the stream from block to block?",
                side_by_side({linear, unexplained}, 2),
                "The same map scored on the block's whole output. Left: R². Right: what it leaves "
                "unexplained, because 0.99 and 0.999 differ by a factor of ten. The distance to "
                "scaled identity, one scalar per block, is what the map adds." +
                    post_norm_sentence(analysis),
                "Input and output share the residual path, so this score is near 1 wherever the "
                "update is small beside the stream. It does not show that the block computes "
                "something linear.",
                paths};
}

std::optional<Figure> outlier_figure(const ResultDocument& analysis) {
  const auto curves = [](const std::string& variant) {
    const std::string group = "linearity." + variant + ".";
    return std::vector<Curve>{held_out(variant),
                              {"tokens.without_first." + variant + ".held_out",
                               "without first tokens",
                               2,
                               LineStyle::kThin,
                               MarkStyle::kSmallDot,
                               ""},
                              {group + "without_top_pc",
                               "without top PC",
                               3,
                               LineStyle::kDashed,
                               MarkStyle::kSmallDot,
                               ""},
                              {group + "median_feature",
                               "median feature",
                               4,
                               LineStyle::kDotted,
                               MarkStyle::kSmallDot,
                               ""}};
  };
  std::vector<std::string> paths;
  for (const char* variant : {"update", "stream"}) {
    const std::vector<Curve> all = curves(variant);
    for (size_t i = 0; i < all.size(); ++i) {
      if (i == 0 || analysis.any(all[i].path)) {
        paths.push_back(all[i].path);
      }
    }
  }
  paths.push_back("tokens.first.variance_share");
  if (paths.size() <= 3 && !analysis.any(paths.back())) {
    return std::nullopt;
  }
  Chart update;
  update.id = "outlier-update";
  update.title = "Update score without outliers";
  update.description = "Held-out R² of the update with all tokens and with outliers taken out.";
  update.x = block_axis(analysis);
  update.y = r2_axis("R² of the update");
  Chart stream = update;
  stream.id = "outlier-stream";
  stream.title = "Stream score without outliers";
  stream.description = "Unexplained share of the stream with all tokens and without outliers.";
  stream.y = unexplained_axis("stream");
  for (const Curve& curve : curves("update")) {
    update.series.push_back(block_series(analysis, curve, ValueTransform::kNone));
  }
  for (const Curve& curve : curves("stream")) {
    stream.series.push_back(block_series(analysis, curve, ValueTransform::kUnexplained));
  }
  Chart share;
  share.id = "outlier-share";
  share.title = "Variance share of the first tokens";
  share.description = "Share of the stream's variance that the first tokens carry, per block.";
  share.x = block_axis(analysis);
  share.y.label = "variance on first tokens, share";
  share.y.low = 0.0;
  share.y.high = 1.0;
  share.series.push_back(block_series(
      analysis, {"tokens.first.variance_share", "first tokens", 2}, ValueTransform::kNone));
  return Figure{"fig-outliers",
                "Do a few tokens or directions carry the score?",
                side_by_side({update, stream, share}, 3),
                "The same score with the first token of every window left out, with the first "
                "principal component of the target left out, and as the median over single "
                "features instead of their variance-weighted sum. Lines that stay together mean a "
                "score that does not hang on outliers.",
                "First tokens often become attention sinks with enormous norms: a map that "
                "predicts those few rows scores high whatever it does elsewhere.",
                paths};
}

}  // namespace linscan
