// What a linear classifier reads off the states of each block (figure 5 of the paper).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "report/figures.h"
#include "report/text.h"

namespace linscan {
namespace {

ChartPoint accuracy_point(double x, Number accuracy, Number error, const std::string& where) {
  ChartPoint point;
  point.x = x;
  point.y = accuracy;
  if (accuracy && error) {
    point.low = std::max(0.0, *accuracy - *error);
    point.high = std::min(1.0, *accuracy + *error);
    point.note =
        fmt::format("{}: accuracy {} \u00b1 {}", where, fixed(accuracy, 3), fixed(error, 3));
  }
  return point;
}

// "\"cb\", 56 texts in 5 folds."
std::string data_sentence(const ResultDocument& analysis) {
  const Number texts = analysis.document_number("probe.texts");
  const Number folds = analysis.document_number("probe.folds");
  const Json* task = find_path(analysis.json(), "probe.task");
  return fmt::format(
      "Task {}, {} texts, each predicted by the probe that was fitted to the other "
      "{} folds.",
      task != nullptr && task->is_string() ? clean_text(task->get<std::string>())
                                           : std::string(kMissingMark),
      fixed(texts, 0),
      fixed(folds ? Number(*folds - 1) : folds, 0));
}

}  // namespace

std::optional<Figure> probe_figure(const ResultDocument& analysis) {
  if (!analysis.any("probe.accuracy")) {
    return std::nullopt;
  }
  Chart chart;
  chart.id = "probe";
  chart.title = "Probe accuracy by block";
  chart.description =
      "Held-out accuracy of a logistic regression on the last token's state after each block.";
  chart.x = block_axis(analysis);
  chart.y.label = "held-out accuracy";
  ChartSeries series{"probe", 1, LineStyle::kStrong, MarkStyle::kDot, {}};
  if (const Number embedding = analysis.document_number("probe.embedding.accuracy"); embedding) {
    chart.x.first = -1;
    chart.x.first_name = "emb";
    series.points.push_back(accuracy_point(
        -1, embedding, analysis.document_number("probe.embedding.stderr"), "embedding"));
  }
  for (size_t i = 0; i < analysis.blocks().size(); ++i) {
    const Row& row = analysis.blocks()[i];
    series.points.push_back(accuracy_point(static_cast<double>(i),
                                           row.number("probe.accuracy"),
                                           row.number("probe.stderr"),
                                           fmt::format("block {}", i)));
  }
  chart.series.push_back(std::move(series));
  if (const Number chance = analysis.document_number("probe.chance"); chance) {
    ChartSeries level{"most frequent class", 2, LineStyle::kDashed, MarkStyle::kSmallDot, {}};
    const auto last = static_cast<double>(analysis.blocks().size()) - 1;
    for (const double x : {chart.x.first, last}) {
      level.points.push_back(accuracy_point(x, chance, std::nullopt, ""));
    }
    chart.series.push_back(std::move(level));
  }
  return Figure{"fig-probe",
                "What can a linear classifier read off the last token?",
                full_width(chart),
                data_sentence(analysis) +
                    " Bands are one standard error to either side; the dashed "
                    "line is the share of the most frequent class.",
                "That a class can be read off a state does not say that the model uses it.",
                {"probe.accuracy", "probe.stderr"}};
}

}  // namespace linscan
