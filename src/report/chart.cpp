#include "report/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/chart_layout.h"
#include "report/chart_marks.h"
#include "report/svg.h"

namespace linscan {
namespace {

constexpr double kTickGap = 7;
constexpr int kMostTicks = 11;      // of a continuous position axis
constexpr double kZeroRoom = 34;    // between step 0 and the steps above it
constexpr double kTickHeight = 38;  // of the drawing, per tick of the value axis
constexpr size_t kBandFrom = 9;     // fewer points than this get whiskers instead of a band

int drawing_layer(LineStyle style) {
  return style == LineStyle::kNone ? 2 : style == LineStyle::kStrong ? 1 : 0;
}

class Drawing {
 public:
  Drawing(const Chart& chart, const ChartSize& size)
      : chart_(chart),
        size_(size),
        max_ticks_(static_cast<int>(size.height / kTickHeight)),
        range_(value_range(chart, max_ticks_)),
        shown_(drawable_series(chart)) {
    layout();
  }

  std::string draw() {
    open_drawing(svg_, chart_.id, chart_.title, chart_.description, size_.width, size_.height);
    draw_text(svg_, "axis-name", 0, kChartFont, Anchor::kStart, chart_.y.label);
    draw_value_axis();
    draw_position_axis();
    draw_references();
    for (const ChartSeries* series : shown_) {
      draw_intervals(*series);
    }
    // The line that is read first lies over the thin ones, single marks over all lines.
    for (const int layer : {0, 1, 2}) {
      for (const ChartSeries* series : shown_) {
        if (drawing_layer(series->line) == layer) {
          draw_series(*series);
        }
      }
    }
    if (size_.names == SeriesNames::kAtLines) {
      draw_line_labels();
    } else if (size_.names == SeriesNames::kLegend) {
      draw_legend();
    }
    svg_.close();
    return svg_.take();
  }

 private:
  void layout() {
    ticks_ =
        chart_.y.logarithmic ? log_ticks(range_, max_ticks_) : linear_ticks(range_, max_ticks_);
    double tick_width = 0;
    for (const double tick : ticks_) {
      tick_width = std::max(tick_width, text_width(tick_label(tick), kChartFont));
    }
    left_ = std::ceil(tick_width) + kTickGap + 2;
    right_ = size_.width - (at_lines() ? label_width() : 8);
    const int rows = size_.names == SeriesNames::kLegend
                         ? std::max(size_.legend_rows, legend_rows(chart_, size_.width))
                         : 0;
    top_ = kChartRow + 10 + kChartRow * rows;
    bottom_ = size_.height - 2 * kChartRow - 2;
  }

  bool at_lines() const { return size_.names == SeriesNames::kAtLines; }

  double label_width() const {
    double width = 0;
    for (const ChartSeries* series : shown_) {
      width = std::max(width, text_width(series->label, kChartFont));
    }
    for (const ReferenceLine& line : chart_.references) {
      width = std::max(width, text_width(line.label, kChartFont));
    }
    return std::ceil(width) + 16;
  }

  Scale y_scale() const {
    return chart_.y.reversed ? Scale(range_, chart_.y.logarithmic, top_, bottom_)
                             : Scale(range_, chart_.y.logarithmic, bottom_, top_);
  }

  bool zero_apart() const {
    return chart_.x.kind == AxisKind::kSteps && !chart_.x.first_name.empty();
  }

  // Where a position stands.
  double x_of(double position) const {
    return zero_apart() && position <= 0 ? left_ + 8 : x_scale()(position);
  }

  Range step_range() const {
    const double first = std::max(chart_.x.first, 1.0);
    return {first, std::max(chart_.x.last, first * 2)};
  }

  Scale x_scale() const {
    const double from = left_ + 8, to = right_ - 8;
    if (chart_.x.kind == AxisKind::kSteps) {
      return Scale(step_range(), true, from + (zero_apart() ? kZeroRoom : 0), to);
    }
    if (chart_.x.kind == AxisKind::kLogBase2) {
      return Scale({chart_.x.first, std::max(chart_.x.last, chart_.x.first * 2)}, true, from, to);
    }
    // A single position stands in the middle; several use the width.
    const double room = chart_.x.last > chart_.x.first ? 0.0 : 0.5;
    return Scale({chart_.x.first - room, chart_.x.last + room}, false, from, to);
  }

  void draw_value_axis() {
    const Scale y = y_scale();
    for (const double tick : ticks_) {
      const bool zero = tick == 0 && range_.low < 0;
      draw_line(svg_, zero ? "zero" : "grid", left_, y(tick), right_, y(tick));
      draw_text(svg_, "tick", left_ - kTickGap, y(tick) + 4, Anchor::kEnd, tick_label(tick));
    }
  }

  void draw_position_tick(double position, std::string_view label) {
    const double x = x_of(position);
    draw_line(svg_, "axis", x, bottom_, x, bottom_ + 4);
    draw_text(svg_, "tick", x, bottom_ + 4 + kChartFont, Anchor::kMiddle, label);
  }

  void draw_step_ticks(int max_ticks) {
    if (zero_apart()) {
      draw_position_tick(0, chart_.x.first_name);
    }
    for (const double tick : log_ticks(step_range(), max_ticks)) {
      draw_position_tick(tick, tick_label(tick));
    }
  }

  void draw_position_axis() {
    if (zero_apart()) {  // the line is broken where the scale is
      draw_line(svg_, "axis", left_, bottom_, x_of(0) + 8, bottom_);
      draw_line(svg_, "axis", x_of(0) + kZeroRoom - 8, bottom_, right_, bottom_);
    } else {
      draw_line(svg_, "axis", left_, bottom_, right_, bottom_);
    }
    const int max_ticks = std::max(2, static_cast<int>((right_ - left_) / 38));
    if (chart_.x.kind == AxisKind::kSteps) {
      draw_step_ticks(max_ticks);
    } else if (chart_.x.kind == AxisKind::kContinuous) {
      const Range range{chart_.x.first, chart_.x.last};
      for (const double tick : linear_ticks(range, std::min(max_ticks, kMostTicks))) {
        draw_position_tick(tick, tick_label(tick));
      }
    } else if (chart_.x.kind == AxisKind::kLogBase2) {
      const int count = static_cast<int>(std::log2(chart_.x.last / chart_.x.first)) + 1;
      const int stride = std::max(1, (count + max_ticks - 1) / max_ticks);
      for (int i = 0; i < count; i += stride) {
        const double rank = chart_.x.first * std::exp2(i);
        draw_position_tick(rank, fmt::format("{:.0f}", rank));
      }
    } else {
      if (!chart_.x.first_name.empty()) {
        draw_position_tick(-1, chart_.x.first_name);
      }
      const auto ticks = index_ticks(static_cast<int64_t>(chart_.x.last) + 1, max_ticks);
      for (const int64_t tick : ticks) {
        const bool crowded =
            !chart_.x.first_name.empty() && tick == 0 && x_scale()(0) - x_scale()(-1) < 30;
        if (!crowded) {
          draw_position_tick(static_cast<double>(tick), std::to_string(tick));
        }
      }
    }
    draw_text(
        svg_, "axis-name", (left_ + right_) / 2, size_.height - 3, Anchor::kMiddle, chart_.x.label);
  }

  void draw_references() {
    const Scale y = y_scale();
    for (const ReferenceLine& line : chart_.references) {
      if (!y.contains(line.y)) {
        continue;
      }
      draw_line(svg_, "reference", left_, y(line.y), right_, y(line.y));
      if (!at_lines()) {
        draw_text(svg_, "tick halo", right_ - 2, y(line.y) - 4, Anchor::kEnd, line.label);
      }
    }
  }

  // Runs of neighbouring points for which `present` holds.
  template <typename Present>
  std::vector<std::vector<const ChartPoint*>> runs(const ChartSeries& series,
                                                   Present present) const {
    std::vector<std::vector<const ChartPoint*>> out(1);
    for (const ChartPoint& point : series.points) {
      if (present(point)) {
        out.back().push_back(&point);
      } else if (!out.back().empty()) {
        out.emplace_back();
      }
    }
    if (out.back().empty()) {
      out.pop_back();
    }
    return out;
  }

  // An end of an interval that a logarithmic axis cannot show lies at the edge.
  double interval_end(const Number& value) const {
    return chart_.y.logarithmic && *value <= 0 ? range_.low : *value;
  }

  void draw_intervals(const ChartSeries& series) {
    const Scale y = y_scale();
    const auto present = [&](const ChartPoint& point) {
      return drawable(chart_, point) && point.low && point.high;
    };
    for (const auto& run : runs(series, present)) {
      if (run.size() >= kBandFrom) {
        std::vector<std::pair<double, double>> outline;
        for (const ChartPoint* point : run) {
          outline.emplace_back(x_of(point->x), y(interval_end(point->high)));
        }
        for (auto it = run.rbegin(); it != run.rend(); ++it) {
          outline.emplace_back(x_of((*it)->x), y(interval_end((*it)->low)));
        }
        draw_polyline(svg_, fmt::format("band c{}", series.color), outline);
        continue;
      }
      const std::string css = fmt::format("whisker c{}", series.color);
      for (const ChartPoint* point : run) {
        const double at = x_of(point->x);
        const double low = y(interval_end(point->low)), high = y(interval_end(point->high));
        draw_line(svg_, css, at, low, at, high);
        draw_line(svg_, css, at - 4, low, at + 4, low);
        draw_line(svg_, css, at - 4, high, at + 4, high);
      }
    }
  }

  void draw_series(const ChartSeries& series) {
    const Scale y = y_scale();
    const auto present = [&](const ChartPoint& point) { return drawable(chart_, point); };
    for (const auto& run : runs(series, present)) {
      std::vector<std::pair<double, double>> line;
      for (const ChartPoint* point : run) {
        line.emplace_back(x_of(point->x), y(*point->y));
      }
      if (series.line != LineStyle::kNone && line.size() > 1) {
        draw_polyline(svg_, fmt::format("{} c{}", line_class(series.line), series.color), line);
      }
      const bool crowded = run.size() > 1 && line[1].first - line[0].first < series.mark_spacing;
      double next = crowded ? line[0].first + series.mark_shift * series.mark_spacing : 0;
      for (size_t i = 0; i < run.size(); ++i) {
        const auto [at, height] = line[i];
        const bool marked = at >= next;
        next = marked ? at + series.mark_spacing : next;
        draw_point(series, *run[i], at, height, marked);
      }
    }
  }

  void draw_point(
      const ChartSeries& series, const ChartPoint& point, double x, double y, bool marked) {
    const bool dense = series.points.size() > 48;
    svg_.open("g", {{"class", fmt::format("mark c{}", series.color)}});
    svg_.element("title", point.note);
    if (!y_scale().contains(*point.y)) {
      const double base = y > (top_ + bottom_) / 2 ? y - 8 : y + 8;
      svg_.leaf(
          "path",
          {{"class", "clipped"},
           {"d",
            fmt::format(
                "M{} {}L{} {}L{} {}Z", px(x - 5), px(base), px(x + 5), px(base), px(x), px(y))}});
    } else if (marked) {
      draw_mark(svg_, series.mark, x, y, dense ? 0.6 : 1.0);
    }
    svg_.leaf("circle", {{"class", "hit"}, {"cx", px(x)}, {"cy", px(y)}, {"r", dense ? "4" : "8"}});
    svg_.close();
  }

  void draw_legend() {
    if (shown_.size() < 2) {
      return;
    }
    double x = 0, y = kChartRow + kChartFont + 2;
    for (const ChartSeries* series : shown_) {
      const double width = legend_item_width(*series);
      if (x > 0 && x + width > size_.width) {
        x = 0;
        y += kChartRow;
      }
      draw_swatch(svg_, *series, x, y - 4);
      draw_text(svg_, "legend", x + kLegendSwatch + 5, y, Anchor::kStart, series->label);
      x += width;
    }
  }

  struct LineLabel {
    double wanted;  // where the line ends
    double y;
    std::string css;
    std::string text;
  };

  // Names beside the ends of the lines, pushed apart where they would overlap.
  void draw_line_labels() {
    constexpr double kSpacing = 15;
    const Scale y = y_scale();
    std::vector<LineLabel> labels;
    for (const ChartSeries* series : shown_) {
      for (auto it = series->points.rbegin(); it != series->points.rend(); ++it) {
        if (drawable(chart_, *it)) {
          const double at = y(*it->y);
          labels.push_back({at, at, fmt::format("label c{}", series->color), series->label});
          break;
        }
      }
    }
    for (const ReferenceLine& line : chart_.references) {
      if (y.contains(line.y)) {
        labels.push_back({y(line.y), y(line.y), "label c0", line.label});
      }
    }
    std::stable_sort(labels.begin(), labels.end(), [](const LineLabel& a, const LineLabel& b) {
      return a.wanted < b.wanted;
    });
    double next = top_;
    for (LineLabel& label : labels) {
      label.y = std::max(label.y, next);
      next = label.y + kSpacing;
    }
    double limit = bottom_;
    for (auto it = labels.rbegin(); it != labels.rend(); ++it) {
      it->y = std::min(it->y, limit);
      limit = it->y - kSpacing;
    }
    for (const LineLabel& label : labels) {
      draw_line(svg_, "leader", right_ - 2, label.wanted, right_ + 6, label.y);
      draw_text(svg_, label.css, right_ + 9, label.y + 4, Anchor::kStart, label.text);
    }
  }

  const Chart& chart_;
  ChartSize size_;
  int max_ticks_;
  Range range_;
  std::vector<const ChartSeries*> shown_;
  std::vector<double> ticks_;
  double left_ = 0, right_ = 0, top_ = 0, bottom_ = 0;
  Markup svg_;
};

}  // namespace

std::string draw_chart(const Chart& chart, const ChartSize& size) {
  return Drawing(chart, size).draw();
}

}  // namespace linscan
