// What a chart shows and how much room its parts take, before anything is drawn.
#pragma once

#include <vector>

#include "report/chart.h"

namespace linscan {

inline constexpr double kChartFont = 12;
inline constexpr double kChartRow = 18;      // height of one line of text
inline constexpr double kLegendSwatch = 20;  // length of the line sample before a name

// The point exists and the value axis can show it.
bool drawable(const Chart& chart, const ChartPoint& point);

// Series with at least one drawable point.
std::vector<const ChartSeries*> drawable_series(const Chart& chart);

// The range of the value axis: what points and intervals need, inside the ends that the axis fixes,
// rounded to at most `max_ticks` round steps.
Range value_range(const Chart& chart, int max_ticks);

double legend_item_width(const ChartSeries& series);

}  // namespace linscan
