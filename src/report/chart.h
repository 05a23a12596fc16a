// A line chart as inline SVG. Colours and fonts come from the page's style sheet through class
// names, so that one drawing serves light, dark and print.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "report/numbers.h"
#include "report/scale.h"

namespace linscan {

struct ChartPoint {
  double x = 0;
  Number y;    // nothing: a gap in the line
  Number low;  // interval around y, both or none
  Number high;
  std::string note;  // shown when the pointer rests on the mark
};

enum class LineStyle { kStrong, kThin, kDashed, kDotted, kDashDotted, kNone };
// kHollow is an open diamond; the shapes after it tell many lines apart.
enum class MarkStyle { kDot, kSmallDot, kHollow, kSquare, kTriangle, kDiamond, kTriangleDown };

struct ChartSeries {
  std::string label;
  int color = 1;  // 1..7: the style sheet's palette
  LineStyle line = LineStyle::kStrong;
  MarkStyle mark = MarkStyle::kDot;
  std::vector<ChartPoint> points;
  // Where points are closer than this many pixels, only some of them carry a mark (all have their
  // note); 0: all do.
  double mark_spacing = 0;
  double mark_shift = 0;  // share of the spacing by which the first mark is put off
};

struct ReferenceLine {
  double y;
  std::string label;
};

struct ValueAxis {
  std::string label;
  bool logarithmic = false;  // values <= 0 are not drawn
  bool reversed = false;     // small values on top
  // Ends that the data does not decide. Points beyond them are drawn at the edge as triangles.
  Number low;
  Number high;
  // The axis follows the data, but no further than this.
  Number lowest;
};

enum class AxisKind {
  kIndex,       // whole numbers from 0: blocks
  kLogBase2,    // powers of two: ranks
  kContinuous,  // any range: depth
  // Logarithmic from the smallest position above zero, with ticks at round numbers: training steps.
  // Zero stands apart at the left end, where `first_name` names it.
  kSteps
};

struct PositionAxis {
  std::string label;
  double first = 0;  // smallest and largest position
  double last = 0;
  AxisKind kind = AxisKind::kIndex;
  // Name of the position before all others, if it is shown: -1 (the embedding), of kSteps 0.
  std::string first_name;
};

struct Chart {
  std::string id;           // unique on the page
  std::string title;        // for screen readers
  std::string description;  // for screen readers: what the lines do
  PositionAxis x;
  ValueAxis y;
  std::vector<ChartSeries> series;
  std::vector<ReferenceLine> references;  // drawn where they fall inside the axis
};

enum class SeriesNames {
  kLegend,    // above the drawing
  kAtLines,   // at the right end of the lines
  kElsewhere  // not in the drawing: draw_key() beside the names, once for several drawings
};

struct ChartSize {
  double width;
  double height;
  SeriesNames names = SeriesNames::kLegend;
  int legend_rows = 0;  // room for at least so many, so that neighbours line up
};

// Series without any drawable point are left out, also from the legend.
std::string draw_chart(const Chart& chart, const ChartSize& size);

// A sample of the line with its mark, as a small drawing of its own.
std::string draw_key(const ChartSeries& series);

// Rows that the legend takes at this width.
int legend_rows(const Chart& chart, double width);

// True where the chart would show at least one point.
bool has_points(const Chart& chart);

}  // namespace linscan
