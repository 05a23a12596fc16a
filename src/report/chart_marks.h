// Marks, line classes and samples of lines, for the drawing and for its legend alike.
#pragma once

#include <string_view>

#include "report/chart.h"
#include "report/markup.h"

namespace linscan {

// The style sheet's classes of a line; empty for kNone.
std::string_view line_class(LineStyle style);

// The mark of a point, centred at (x, y). `scale` shrinks it where points are dense.
void draw_mark(Markup& svg, MarkStyle style, double x, double y, double scale);

// A short piece of the line from (x, y) to the right, kLegendSwatch long, with its mark in the
// middle.
void draw_swatch(Markup& svg, const ChartSeries& series, double x, double y);

}  // namespace linscan
