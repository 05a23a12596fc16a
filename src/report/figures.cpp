#include "report/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "report/markup.h"

namespace linscan {
namespace {

constexpr ChartSize kWide{960, 350, SeriesNames::kAtLines};
constexpr ChartSize kNarrow{390, 330};
// Without the legend, which adds its rows.
constexpr ChartSize kHalf{440, 280};
constexpr ChartSize kThird{310, 220};
constexpr double kLegendRow = 18;
constexpr double kManyLines = 60;  // more height for lines that are named beside the drawing

Number transformed(Number value, ValueTransform transform) {
  return value && transform == ValueTransform::kUnexplained ? Number(1 - *value) : value;
}

std::string point_note(const Row& row, const Curve& curve, const std::string& where) {
  std::string note =
      fmt::format("{}: {} {}", where, curve.label, metric_text(curve.path, row.number(curve.path)));
  const Number low = row.number(curve.interval + ".low");
  const Number high = row.number(curve.interval + ".high");
  if (low && high) {
    note += fmt::format(" [{}, {}]", metric_text(curve.path, low), metric_text(curve.path, high));
  }
  return note;
}

ChartPoint make_point(const Row& row,
                      const Curve& curve,
                      ValueTransform transform,
                      double x,
                      const std::string& where) {
  ChartPoint point;
  point.x = x;
  point.y = transformed(row.number(curve.path), transform);
  if (!curve.interval.empty()) {
    point.low = transformed(row.number(curve.interval + ".low"), transform);
    point.high = transformed(row.number(curve.interval + ".high"), transform);
    if (transform == ValueTransform::kUnexplained) {
      std::swap(point.low, point.high);
    }
  }
  if (point.y) {
    point.note = point_note(row, curve, where);
  }
  return point;
}

}  // namespace

std::vector<Figure> make_figures(const ResultDocument& analysis) {
  std::vector<Figure> figures;
  for (const auto make : {update_figure,
                          stream_figure,
                          damage_figure,
                          correlation_figure,
                          token_error_figure,
                          ladder_figure,
                          rank_figure,
                          norm_figure,
                          sublayer_figure,
                          geometry_figure,
                          outlier_figure,
                          probe_figure}) {
    if (std::optional<Figure> figure = make(analysis); figure) {
      figures.push_back(std::move(*figure));
    }
  }
  return figures;
}

ChartSeries block_series(const ResultDocument& analysis,
                         const Curve& curve,
                         ValueTransform transform) {
  ChartSeries series{curve.label, curve.color, curve.line, curve.mark, {}};
  for (size_t i = 0; i < analysis.blocks().size(); ++i) {
    series.points.push_back(make_point(analysis.blocks()[i],
                                       curve,
                                       transform,
                                       static_cast<double>(i),
                                       fmt::format("block {}", i)));
  }
  return series;
}

ChartSeries post_norm_series(const ResultDocument& analysis,
                             const Curve& curve,
                             ValueTransform transform,
                             std::string_view label) {
  ChartSeries series{std::string(label), curve.color, LineStyle::kNone, MarkStyle::kHollow, {}};
  if (analysis.post_norm() && !analysis.blocks().empty()) {
    const double last = static_cast<double>(analysis.blocks().size()) - 1;
    series.points.push_back(make_point(*analysis.post_norm(),
                                       curve,
                                       transform,
                                       last,
                                       fmt::format("block {:.0f} to the final-norm state", last)));
  }
  return series;
}

PositionAxis block_axis(const ResultDocument& analysis) {
  const double last = std::max(0.0, static_cast<double>(analysis.blocks().size()) - 1);
  return {"block", 0, last, AxisKind::kIndex, ""};
}

ValueAxis unexplained_axis(std::string_view of) {
  ValueAxis axis{fmt::format("1 − R² of the {}, log: up is more linear", of), true, true};
  axis.lowest = 1e-6;
  return axis;
}

double lowest_value(const std::vector<ChartSeries>& series) {
  double lowest = INFINITY;
  for (const ChartSeries& line : series) {
    for (const ChartPoint& point : line.points) {
      lowest = std::min(lowest, point.y.value_or(lowest));
    }
  }
  return lowest;
}

ValueAxis r2_axis(std::string label) {
  ValueAxis axis;
  axis.label = std::move(label);
  axis.high = 1.0;
  axis.lowest = kLowestScore;
  return axis;
}

ValueAxis r2_axis_from_zero(std::string label, const std::vector<ChartSeries>& series) {
  ValueAxis axis = r2_axis(std::move(label));
  if (lowest_value(series) >= 0) {
    axis.low = 0.0;
  }
  return axis;
}

std::string full_width(const Chart& chart, Naming naming) {
  ChartSize wide = kWide, narrow_size = kNarrow;
  if (naming == Naming::kBeside) {
    wide.names = narrow_size.names = SeriesNames::kElsewhere;
    wide.height += kManyLines;
    narrow_size.height += kManyLines;
  }
  Chart narrow = chart;
  narrow.id += "-narrow";
  Markup out;
  out.open("div", {{"class", "wide"}}).append(draw_chart(chart, wide)).close();
  out.open("div", {{"class", "narrow"}}).append(draw_chart(narrow, narrow_size)).close();
  return out.take();
}

std::string side_by_side(const std::vector<Chart>& charts, int columns, Naming naming) {
  Markup out;
  out.open("div", {{"class", fmt::format("panels of{}", columns)}});
  ChartSize size = columns == 2 ? kHalf : kThird;
  if (naming == Naming::kBeside) {
    size.names = SeriesNames::kElsewhere;
    size.height += kManyLines;
  } else {
    for (const Chart& chart : charts) {
      size.legend_rows = std::max(size.legend_rows, legend_rows(chart, size.width));
    }
  }
  size.height += kLegendRow * size.legend_rows;
  for (const Chart& chart : charts) {
    if (has_points(chart)) {
      out.open("div").append(draw_chart(chart, size)).close();
    }
  }
  return out.close().take();
}

}  // namespace linscan
