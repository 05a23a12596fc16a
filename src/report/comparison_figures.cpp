#include "report/comparison_figures.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <utility>

#include "report/markup.h"

namespace linscan {
namespace {

// Colours that stay apart for the common kinds of colour blindness, in hue or in lightness.
constexpr int kColors[] = {1, 2, 3, 4, 7, 6};
constexpr LineStyle kLines[] = {
    LineStyle::kThin, LineStyle::kDashed, LineStyle::kDotted, LineStyle::kDashDotted};
constexpr MarkStyle kMarks[] = {MarkStyle::kDot,
                                MarkStyle::kSquare,
                                MarkStyle::kTriangle,
                                MarkStyle::kDiamond,
                                MarkStyle::kTriangleDown};

constexpr double kMarkSpacing = 44;     // pixels
constexpr double kGoldenRatio = 0.618;  // spreads the marks of neighbouring models over the spacing

constexpr std::string_view kOverDepth =
    " Every line is a model, from its first block (depth 0) to its last (depth 1).";

Chart depth_chart(std::string id, std::string title, std::string description) {
  Chart chart;
  chart.id = std::move(id);
  chart.title = std::move(title);
  chart.description = std::move(description);
  chart.x = {"depth (block / last block)", 0, 1, AxisKind::kContinuous, ""};
  return chart;
}

// The models' lines; with `post_norm` a hollow mark at the end of each.
std::vector<ChartSeries> model_lines(const Comparison& comparison,
                                     const ComparedMetric& metric,
                                     ValueTransform transform,
                                     bool post_norm) {
  std::vector<ChartSeries> lines, ends;
  for (size_t i = 0; i < comparison.models().size(); ++i) {
    const ComparedModel& model = comparison.models()[i];
    const std::string path = chosen_path(model.analysis, metric);
    const ChartSeries style = model_style(i);
    const Curve curve{path, model.label, style.color, style.line, style.mark, path + "_ci"};
    ChartSeries line = block_series(model.analysis, curve, transform);
    line.mark_spacing = style.mark_spacing;
    line.mark_shift = style.mark_shift;
    for (size_t block = 0; block < line.points.size(); ++block) {
      line.points[block].x = normalised_depth(model.analysis, block);
    }
    lines.push_back(std::move(line));
    if (post_norm) {
      ends.push_back(post_norm_series(model.analysis, curve, transform, model.label));
      for (ChartPoint& point : ends.back().points) {
        point.x = normalised_depth(model.analysis, model.analysis.blocks().size() - 1);
        point.low = point.high = std::nullopt;  // it stands over the last block's interval
      }
    }
  }
  lines.insert(
      lines.end(), std::make_move_iterator(ends.begin()), std::make_move_iterator(ends.end()));
  return lines;
}

// The key to the lines, once for all panels of a figure.
std::string model_keys(const Comparison& comparison, const std::vector<ComparedMetric>& metrics) {
  Markup out;
  out.open("ul", {{"class", "names"}, {"aria-label", "Models"}}).newline();
  for (size_t i = 0; i < comparison.models().size(); ++i) {
    const ComparedModel& model = comparison.models()[i];
    bool present = false, stand_in = false;
    for (const ComparedMetric& metric : metrics) {
      present |= model.analysis.any(chosen_path(model.analysis, metric));
      stand_in |= is_in_sample(model.analysis, metric);
    }
    if (present) {
      out.open("li").append(draw_key(model_style(i)));
      out.open("span").text(model.label + (stand_in ? " (in sample)" : "")).close();
      out.close().newline();
    }
  }
  return out.close().newline().take();
}

std::string framed(const Comparison& comparison,
                   const std::vector<ComparedMetric>& metrics,
                   const std::string& drawing) {
  Markup out;
  out.open("div", {{"class", "many"}}).newline();
  out.append(model_keys(comparison, metrics)).append(drawing);
  return out.close().take();
}

bool any_post_norm(const Comparison& comparison, const ComparedMetric& metric) {
  for (const ComparedModel& model : comparison.models()) {
    if (model.analysis.post_norm() &&
        model.analysis.post_norm()->number(chosen_path(model.analysis, metric))) {
      return true;
    }
  }
  return false;
}

std::string score_sentence(const Comparison& comparison, const ComparedMetric& metric) {
  if (comparison.mixed(metric)) {
    return " Held out, with the interval over the folds, except for the models marked \"in "
           "sample\", whose scores are higher for that alone.";
  }
  return comparison.any(metric.path)
             ? " Held out, with the interval over the folds as a band or whisker."
             : " In sample: none of the results has a held-out score.";
}

std::string post_norm_sentence(const Comparison& comparison, const ComparedMetric& metric) {
  return any_post_norm(comparison, metric)
             ? " Hollow marks score the last block against the state after the final norm, the "
               "right-most point of the published figure."
             : "";
}

bool has_any(const Comparison& comparison, const ComparedMetric& metric) {
  return comparison.any(metric.path) ||
         (!metric.in_sample.empty() && comparison.any(metric.in_sample));
}

void add_update_figure(const Comparison& comparison, std::vector<ComparisonFigure>& figures) {
  if (!has_any(comparison, kUpdateScore)) {
    return;
  }
  Chart chart = depth_chart("update",
                            "Linearity of the update over depth",
                            "R² of the update of every block, one line per model.");
  chart.series = model_lines(comparison, kUpdateScore, ValueTransform::kNone, true);
  chart.y = r2_axis_from_zero("R² of the update", chart.series);
  const std::vector<ComparedMetric> metrics = {kUpdateScore};
  figures.push_back(
      {{"fig-update",
        "How linear is what each block adds?",
        framed(comparison, metrics, full_width(chart, Naming::kBeside)),
        "As figure 1, right, of Razzhigaev et al. 2024 (\"without residual\"): the share of the "
        "variance of a "
        "block's update that an affine map of its input predicts." +
            std::string(kOverDepth) + score_sentence(comparison, kUpdateScore) +
            post_norm_sentence(comparison, kUpdateScore) +
            (lowest_value(chart.series) < kLowestScore ? " Triangles are scores below the axis."
                                                       : ""),
        "Lines may be told apart where their intervals are; the interval covers the choice of "
        "documents, not that of the corpus.",
        {}},
       metrics});
}

void add_stream_figure(const Comparison& comparison, std::vector<ComparisonFigure>& figures) {
  if (!has_any(comparison, kStreamScore)) {
    return;
  }
  Chart linear = depth_chart("stream",
                             "Linearity of the stream over depth",
                             "R² of the stream after every block, one line per model.");
  linear.series = model_lines(comparison, kStreamScore, ValueTransform::kNone, true);
  linear.y = r2_axis("R² of the stream");
  Chart unexplained = depth_chart("stream-unexplained",
                                  "Unexplained share of the stream over depth",
                                  "The same scores as one minus R² on a logarithmic axis.");
  unexplained.series = model_lines(comparison, kStreamScore, ValueTransform::kUnexplained, true);
  unexplained.y = unexplained_axis("stream");
  const std::vector<ComparedMetric> metrics = {kStreamScore};
  figures.push_back(
      {{"fig-stream",
        "How linear is the stream from block to block?",
        framed(comparison, metrics, side_by_side({linear, unexplained}, 2, Naming::kBeside)),
        "As figure 1, left, of Razzhigaev et al. 2024 (\"with residual\"): the same map scored on "
        "the "
        "block's whole "
        "output. Left: R². Right: what it leaves unexplained, because 0.99 and 0.999 differ by a "
        "factor of ten." +
            std::string(kOverDepth) + score_sentence(comparison, kStreamScore) +
            post_norm_sentence(comparison, kStreamScore),
        "Near 1 wherever the update is small beside the stream (the figure of norms), whatever the "
        "block computes.",
        {}},
       metrics});
}

// Like with like: every model in sample, where the figures above could not be.
void add_in_sample_figure(const Comparison& comparison, std::vector<ComparisonFigure>& figures) {
  if (!comparison.mixed(kUpdateScore) && !comparison.mixed(kStreamScore)) {
    return;
  }
  const std::vector<ComparedMetric> metrics = {{"update R², in sample", kUpdateScore.in_sample},
                                               {"stream R², in sample", kStreamScore.in_sample}};
  Chart update = depth_chart("update-in-sample",
                             "Linearity of the update over depth, in sample",
                             "In-sample R² of the update of every block, one line per model.");
  update.series = model_lines(comparison, metrics[0], ValueTransform::kNone, true);
  update.y = r2_axis_from_zero("R² of the update, in sample", update.series);
  Chart stream = depth_chart("stream-in-sample",
                             "Linearity of the stream over depth, in sample",
                             "In-sample R² of the stream after every block, one line per model.");
  stream.series = model_lines(comparison, metrics[1], ValueTransform::kNone, true);
  stream.y = r2_axis("R² of the stream, in sample");
  figures.push_back(
      {{"fig-in-sample",
        "And in sample, for all models alike?",
        framed(comparison, metrics, side_by_side({update, stream}, 2, Naming::kBeside)),
        "The scores in sample, of every result that has them: fitted and scored on the same "
        "tokens, as published." +
            std::string(kOverDepth),
        "Unrelated data scores d/(n−1) in sample (\"null\" in the table of models): a line of a "
        "model with a higher null is higher for that alone.",
        {}},
       metrics});
}

Chart metric_chart(const Comparison& comparison, const ComparedMetric& metric, std::string id) {
  const std::string label(metric.label);
  Chart chart = depth_chart(
      std::move(id), label + " over depth", label + " of every block, one line per model.");
  chart.y.label = label;
  chart.series = model_lines(comparison, metric, ValueTransform::kNone, false);
  return chart;
}

void add_norm_figure(const Comparison& comparison, std::vector<ComparisonFigure>& figures) {
  const std::vector<ComparedMetric> metrics = {
      kComparedMetrics[2], kComparedMetrics[3], kComparedMetrics[4]};
  Chart cosine = metric_chart(comparison, metrics[0], "cosine");
  cosine.y.label = "cosine of input and output";
  cosine.y.high = 1.0;
  Chart ratio = metric_chart(comparison, metrics[1], "norm-ratio");
  ratio.y.label = "‖update‖ / ‖output‖ (log)";
  ratio.y.logarithmic = true;
  Chart influence = metric_chart(comparison, metrics[2], "block-influence");
  influence.y.label = "block influence, 1 − cosine (log)";
  influence.y.logarithmic = true;
  if (!has_points(cosine) && !has_points(ratio) && !has_points(influence)) {
    return;
  }
  figures.push_back(
      {{"fig-norms",
        "In which direction and how far do the blocks move the stream?",
        framed(comparison, metrics, side_by_side({cosine, ratio, influence}, 3, Naming::kBeside)),
        "Left: how much of a token's direction survives the block. Middle, as their figure 3: "
        "how large the update is beside the stream it enters. Right: one minus the cosine, so that "
        "blocks which hardly turn the stream can be told apart." +
            std::string(kOverDepth),
        "Means over tokens; a few first tokens with enormous norms can hide what happens to the "
        "others.",
        {}},
       metrics});
}

void add_geometry_figure(const Comparison& comparison, std::vector<ComparisonFigure>& figures) {
  const std::vector<ComparedMetric> metrics = {
      kComparedMetrics[5], kComparedMetrics[6], kComparedMetrics[7]};
  Chart anisotropy = metric_chart(comparison, metrics[0], "anisotropy");
  anisotropy.y.low = 0.0;
  anisotropy.y.high = 1.0;
  Chart rank = metric_chart(comparison, metrics[1], "effective-rank");
  rank.y.label = "effective rank (log)";
  rank.y.logarithmic = true;
  Chart dimension = metric_chart(comparison, metrics[2], "intrinsic-dimension");
  dimension.y.low = 0.0;
  if (!has_points(anisotropy) && !has_points(rank) && !has_points(dimension)) {
    return;
  }
  figures.push_back(
      {{"fig-geometry",
        "What shape does the stream have?",
        framed(
            comparison, metrics, side_by_side({anisotropy, rank, dimension}, 3, Naming::kBeside)),
        "Of the states after each block. Left: the share of the variance on the first principal "
        "component. Middle: over how many directions the variance is spread. Right: the intrinsic "
        "dimension (TwoNN) of the cloud of tokens, seen locally." +
            std::string(kOverDepth),
        "The effective rank can be no larger than d, and the intrinsic dimension falls with the "
        "sample size: compare both between models of one width and one n.",
        {}},
       metrics});
}

void add_sublayer_figure(const Comparison& comparison, std::vector<ComparisonFigure>& figures) {
  const std::vector<ComparedMetric> metrics = {
      kAttentionScore, kMlpScore, kAttentionRatio, kMlpRatio};
  std::vector<Chart> charts;
  for (const ComparedMetric& metric : {kAttentionScore, kMlpScore}) {
    Chart chart = metric_chart(comparison, metric, fmt::format("sublayer-{}", charts.size()));
    chart.y = r2_axis_from_zero(std::string(metric.label), chart.series);
    charts.push_back(std::move(chart));
  }
  if (!has_points(charts[0]) && !has_points(charts[1])) {
    return;
  }
  figures.push_back(
      {{"fig-sublayers",
        "Which half of the block is linear?",
        framed(comparison, metrics, side_by_side(charts, 2, Naming::kBeside)),
        "The share of the variance of what attention (left) and the MLP (right) add that an affine "
        "map of the stream they read predicts." +
            std::string(kOverDepth) + score_sentence(comparison, kAttentionScore),
        "A map of single tokens sees nothing of the other tokens that attention reads.",
        {}},
       metrics});
}

void add_damage_figure(const Comparison& comparison, std::vector<ComparisonFigure>& figures) {
  const std::vector<ComparedMetric> metrics = {kRemovedKl, kLinearKl};
  std::vector<Chart> charts;
  for (const ComparedMetric& metric : metrics) {
    Chart chart = metric_chart(comparison, metric, fmt::format("damage-{}", charts.size()));
    chart.y.label += ", nats per token (log)";
    chart.y.logarithmic = true;
    charts.push_back(std::move(chart));
  }
  if (!has_points(charts[0]) && !has_points(charts[1])) {
    return;
  }
  figures.push_back(
      {{"fig-damage",
        "What do the models lose without a block?",
        framed(comparison, metrics, side_by_side(charts, 2, Naming::kBeside)),
        "KL of the predictions when one block is left out (left) or replaced by its fitted map "
        "(right); zero is not drawn." +
            std::string(kOverDepth),
        "In nats per token of each model's own tokenizer: a longer token carries more of them.",
        {}},
       metrics});
}

}  // namespace

ChartSeries model_style(size_t index) {
  ChartSeries series;
  series.color = kColors[index % std::size(kColors)];
  series.line = kLines[index / std::size(kColors) % std::size(kLines)];
  series.mark = kMarks[index % std::size(kMarks)];
  series.mark_spacing = kMarkSpacing;
  series.mark_shift = std::fmod(static_cast<double>(index) * kGoldenRatio, 1.0);
  return series;
}

std::vector<ComparisonFigure> make_comparison_figures(const Comparison& comparison) {
  std::vector<ComparisonFigure> figures;
  add_update_figure(comparison, figures);
  add_stream_figure(comparison, figures);
  add_in_sample_figure(comparison, figures);
  add_norm_figure(comparison, figures);
  add_geometry_figure(comparison, figures);
  add_sublayer_figure(comparison, figures);
  add_damage_figure(comparison, figures);
  return figures;
}

}  // namespace linscan
