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

enum class LineStyle { kStrong, kThin, kDashed, kDotted, kNone };
enum class MarkStyle { kDot, kSmallDot, kHollow };

struct ChartSeries {
  std::string label;
  int color = 1;  // 1..6: the style sheet's palette
  LineStyle line = LineStyle::kStrong;
  MarkStyle mark = MarkStyle::kDot;
  std::vector<ChartPoint> points;
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

struct PositionAxis {
  std::string label;
  double first = 0;  // smallest and largest position
  double last = 0;
  bool logarithmic = false;  // base two
  std::string first_name;    // name of the position -1 (the embedding), if it is shown
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

struct ChartSize {
  double width;
  double height;
  bool labels_at_lines = false;  // names at the right end of the lines instead of a legend
  int legend_rows = 0;           // room for at least so many, so that neighbours line up
};

// Series without any drawable point are left out, also from the legend.
std::string draw_chart(const Chart& chart, const ChartSize& size);

// Rows that the legend takes at this width.
int legend_rows(const Chart& chart, double width);

// True where the chart would show at least one point.
bool has_points(const Chart& chart);

}  // namespace linscan
