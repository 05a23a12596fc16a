#include "report/heat_strip.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/markup.h"
#include "report/scale.h"
#include "report/svg.h"

namespace linscan {
namespace {

constexpr double kFont = 12;
constexpr double kRowGap = 8;
constexpr double kSmallest = 1e-6;  // no shade is darker than for this
constexpr double kLightest = 0.04;
constexpr double kInvertedText =
    0.6;  // cells darker than this carry text in the colour of the paper
constexpr int kLegendCells = 24;
constexpr double kWide = 960, kNarrow = 390;

class Drawing {
 public:
  Drawing(const HeatStrip& strip, double width) : strip_(strip), width_(width) {
    double low = 1, high = kSmallest, label = 0;
    for (const HeatRow& row : strip.rows) {
      label = std::max(label, text_width(row.label, kFont));
      height_ += strip_.cell_height + (row.gap_above ? kRowGap : 0);
      columns_ = std::max(columns_, row.cells.size());
      for (const HeatCell& cell : row.cells) {
        if (cell.value) {
          low = std::min(low, std::max(*cell.value, kSmallest));
          high = std::max(high, std::min(*cell.value, 1.0));
        }
      }
    }
    range_ = strip.linear ? *strip.linear : round_log_range({std::min(low, high), high});
    left_ = std::ceil(label) + 8;
    cell_width_ = (width - left_ - 1) / static_cast<double>(std::max<size_t>(columns_, 1));
    texts_fit_ = widest_text() + 6 <= cell_width_;
  }

  std::string draw() {
    const double top = 2 * kFont + 14;
    open_drawing(
        svg_, strip_.id, strip_.title, strip_.description, width_, top + height_ + 2 * kFont + 16);
    draw_legend();
    double y = top;
    for (const HeatRow& row : strip_.rows) {
      y += row.gap_above ? kRowGap : 0;
      draw_text(svg_, "legend", left_ - 8, y + strip_.cell_height / 2 + 4, Anchor::kEnd, row.label);
      for (size_t i = 0; i < row.cells.size(); ++i) {
        draw_cell(row.cells[i], left_ + static_cast<double>(i) * cell_width_, y);
      }
      y += strip_.cell_height;
    }
    draw_column_names(y);
    svg_.close();
    return svg_.take();
  }

 private:
  double widest_text() const {
    double widest = 0;
    for (const HeatRow& row : strip_.rows) {
      for (const HeatCell& cell : row.cells) {
        widest = std::max(widest, text_width(cell.text, kFont));
      }
    }
    return widest;
  }

  // From 0, light, to 1, dark.
  double shade(double value) const {
    const Scale scale = strip_.linear ? Scale(range_, false, 0, 1) : Scale(range_, true, 1, 0);
    return scale(value);
  }

  static std::string opacity(double shade) {
    return fmt::format("{:.3f}", kLightest + (1 - kLightest) * shade);
  }

  void draw_cell(const HeatCell& cell, double x, double y) {
    const double gap = cell_width_ > 6 ? 1 : 0;
    const double width = cell_width_ - gap, height = strip_.cell_height - 1;
    svg_.open("g");
    svg_.element("title", cell.note);
    const double dark = cell.value ? shade(*cell.value) : 0;
    svg_.leaf("rect",
              {{"class", cell.value ? "heat" : "heat-missing"},
               {"x", px(x)},
               {"y", px(y)},
               {"width", fmt::format("{:.2f}", width)},
               {"height", px(height)},
               {"fill-opacity", cell.value ? opacity(dark) : ""}});
    if (texts_fit_) {
      draw_text(svg_,
                dark > kInvertedText ? "cell on" : "cell",
                x + width / 2,
                y + height / 2 + 4,
                Anchor::kMiddle,
                cell.text);
    }
    svg_.close();
  }

  void draw_legend() {
    draw_text(svg_, "axis-name", 0, kFont, Anchor::kStart, strip_.scale_name);
    const double y = kFont + 8, width = std::min(240.0, width_ / 2.5);
    const std::string light = tick_label(strip_.linear ? range_.low : range_.high);
    const std::string dark = tick_label(strip_.linear ? range_.high : range_.low);
    const double from = text_width(light, kFont) + 6;
    draw_text(svg_, "tick", 0, y + 9, Anchor::kStart, light);
    for (int i = 0; i < kLegendCells; ++i) {
      svg_.leaf("rect",
                {{"class", "heat"},
                 {"x", px(from + i * width / kLegendCells)},
                 {"y", px(y)},
                 {"width", fmt::format("{:.2f}", width / kLegendCells)},
                 {"height", "10"},
                 {"fill-opacity", opacity(i / (kLegendCells - 1.0))}});
    }
    draw_text(svg_, "tick", from + width + 6, y + 9, Anchor::kStart, dark);
  }

  void draw_column_tick(double y, int64_t column, const std::string& name) {
    draw_text(svg_,
              "tick",
              left_ + (static_cast<double>(column) + 0.5) * cell_width_,
              y + kFont + 3,
              Anchor::kMiddle,
              name);
  }

  void draw_column_names(double y) {
    const auto count = static_cast<int64_t>(columns_);
    double widest = 0;
    for (const std::string& name : strip_.column_names) {
      widest = std::max(widest, text_width(name, kFont));
    }
    const double room = std::max(34.0, widest + 10);
    for (const int64_t tick :
         index_ticks(count, std::max(2, static_cast<int>((width_ - left_) / room) + 1))) {
      const auto i = static_cast<size_t>(tick);
      draw_column_tick(
          y, tick, i < strip_.column_names.size() ? strip_.column_names[i] : std::to_string(tick));
    }
    draw_text(svg_,
              "axis-name",
              left_ + (width_ - left_) / 2,
              y + 2 * kFont + 10,
              Anchor::kMiddle,
              strip_.column_name);
  }

  const HeatStrip& strip_;
  double width_;
  double left_ = 0;
  double height_ = 0;
  double cell_width_ = 0;
  bool texts_fit_ = false;
  size_t columns_ = 0;
  Range range_{};
  Markup svg_;
};

}  // namespace

std::string draw_heat_strip(const HeatStrip& strip, double width) {
  return Drawing(strip, width).draw();
}

std::string draw_full_width(HeatStrip strip) {
  Markup out;
  out.open("div", {{"class", "wide"}}).append(draw_heat_strip(strip, kWide)).close();
  strip.id += "-narrow";
  out.open("div", {{"class", "narrow"}}).append(draw_heat_strip(strip, kNarrow)).close();
  return out.take();
}

}  // namespace linscan
