#include "report/chart_marks.h"

#include <fmt/format.h>

#include "report/chart_layout.h"
#include "report/svg.h"

namespace linscan {
namespace {

constexpr double kKeyWidth = 30;
constexpr double kKeyHeight = 12;

// The outline of a mark that is no circle; `r` is half its width.
std::string outline(MarkStyle style, double x, double y, double r) {
  const auto corner = [&](double dx, double dy) { return px(x + dx * r) + " " + px(y + dy * r); };
  switch (style) {
    case MarkStyle::kSquare:
      return fmt::format("M{}L{}L{}L{}Z",
                         corner(-0.9, -0.9),
                         corner(0.9, -0.9),
                         corner(0.9, 0.9),
                         corner(-0.9, 0.9));
    case MarkStyle::kTriangle:
      return fmt::format("M{}L{}L{}Z", corner(0, -1.2), corner(1.15, 0.85), corner(-1.15, 0.85));
    case MarkStyle::kTriangleDown:
      return fmt::format("M{}L{}L{}Z", corner(0, 1.2), corner(1.15, -0.85), corner(-1.15, -0.85));
    default:  // a diamond
      return fmt::format(
          "M{}L{}L{}L{}Z", corner(0, -1.3), corner(1.3, 0), corner(0, 1.3), corner(-1.3, 0));
  }
}

}  // namespace

std::string_view line_class(LineStyle style) {
  switch (style) {
    case LineStyle::kStrong:
      return "line";
    case LineStyle::kThin:
      return "line thin";
    case LineStyle::kDashed:
      return "line thin dashed";
    case LineStyle::kDotted:
      return "line thin dotted";
    case LineStyle::kDashDotted:
      return "line thin dashdotted";
    case LineStyle::kNone:
      break;
  }
  return "";
}

void draw_mark(Markup& svg, MarkStyle style, double x, double y, double scale) {
  if (style == MarkStyle::kDot || style == MarkStyle::kSmallDot) {
    const double radius = (style == MarkStyle::kDot ? 3.2 : 2.0) * scale;
    svg.leaf("circle", {{"cx", px(x)}, {"cy", px(y)}, {"r", px(radius)}});
  } else if (style == MarkStyle::kHollow) {
    svg.leaf("path", {{"class", "hollow"}, {"d", outline(style, x, y, 3.85)}});
  } else {
    svg.leaf("path", {{"d", outline(style, x, y, 3.1 * scale)}});
  }
}

void draw_swatch(Markup& svg, const ChartSeries& series, double x, double y) {
  if (series.line != LineStyle::kNone) {
    draw_line(svg,
              fmt::format("{} c{}", line_class(series.line), series.color),
              x,
              y,
              x + kLegendSwatch,
              y);
  }
  svg.open("g", {{"class", fmt::format("mark c{}", series.color)}});
  draw_mark(svg, series.mark, x + kLegendSwatch / 2, y, 1.0);
  svg.close();
}

std::string draw_key(const ChartSeries& series) {
  Markup svg;
  svg.open("svg",
           {{"class", "key"},
            {"viewBox", fmt::format("0 0 {} {}", px(kKeyWidth), px(kKeyHeight))},
            {"aria-hidden", "true"}});
  const double y = kKeyHeight / 2;
  const std::string color = fmt::format("c{}", series.color);
  if (series.line != LineStyle::kNone) {
    draw_line(svg, fmt::format("{} {}", line_class(series.line), color), 1, y, kKeyWidth - 1, y);
  }
  svg.open("g", {{"class", "mark " + color}});
  draw_mark(svg, series.mark, kKeyWidth / 2, y, 1.0);
  svg.close().close();
  return svg.take();
}

}  // namespace linscan
