#include "report/chart_layout.h"

#include <algorithm>
#include <cmath>

#include "report/svg.h"

namespace linscan {
namespace {

bool has_drawable(const Chart& chart, const ChartSeries& series) {
  return std::any_of(series.points.begin(), series.points.end(), [&](const ChartPoint& point) {
    return drawable(chart, point);
  });
}

}  // namespace

bool drawable(const Chart& chart, const ChartPoint& point) {
  return point.y && (!chart.y.logarithmic || *point.y > 0);
}

Range value_range(const Chart& chart, int max_ticks) {
  double low = INFINITY, high = -INFINITY;
  const auto include = [&](double value) {
    if (!chart.y.logarithmic || value > 0) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
  };
  for (const ChartSeries& series : chart.series) {
    for (const ChartPoint& point : series.points) {
      for (const Number& value : {point.y, point.low, point.high}) {
        if (point.y && value) {
          include(*value);
        }
      }
    }
  }
  low = std::max(low, chart.y.lowest.value_or(low));
  low = chart.y.low.value_or(low);
  high = std::max(chart.y.high.value_or(high), low);
  const Range rounded =
      chart.y.logarithmic ? round_log_range({low, high}) : round_range({low, high}, max_ticks);
  return {chart.y.low.value_or(rounded.low), chart.y.high.value_or(rounded.high)};
}

double legend_item_width(const ChartSeries& series) {
  return kLegendSwatch + 5 + text_width(series.label, kChartFont) + 12;
}

std::vector<const ChartSeries*> drawable_series(const Chart& chart) {
  std::vector<const ChartSeries*> shown;
  for (const ChartSeries& series : chart.series) {
    if (has_drawable(chart, series)) {
      shown.push_back(&series);
    }
  }
  return shown;
}

bool has_points(const Chart& chart) {
  return !drawable_series(chart).empty();
}

int legend_rows(const Chart& chart, double width) {
  const std::vector<const ChartSeries*> shown = drawable_series(chart);
  if (shown.size() < 2) {
    return 0;
  }
  int rows = 1;
  double x = 0;
  for (const ChartSeries* series : shown) {
    if (x > 0 && x + legend_item_width(*series) > width) {
      ++rows;
      x = 0;
    }
    x += legend_item_width(*series);
  }
  return rows;
}

}  // namespace linscan
