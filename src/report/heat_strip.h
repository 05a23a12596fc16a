// A grid of shaded cells as inline SVG: one column per block and one row per map, or one column per
// training step and one row per block.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/numbers.h"
#include "report/scale.h"

namespace linscan {

struct HeatCell {
  Number value;
  std::string text;  // written into the cells where there is room for all of them
  std::string note;
};

struct HeatRow {
  std::string label;
  bool gap_above = false;  // sets a row apart that is not a step of the same ladder
  std::vector<HeatCell> cells;
};

struct HeatStrip {
  std::string id;
  std::string title;
  std::string description;
  std::string column_name;  // under the columns, which are numbered from 0
  std::string scale_name;   // what the shade means
  std::vector<HeatRow> rows;
  std::vector<std::string> column_names = {};  // instead of numbers, as far as they fit
  // Values are shaded between these ends, the larger the darker. Without: those above zero on a
  // logarithmic scale of the values that are there, the smaller the darker.
  std::optional<Range> linear = {};
  double cell_height = 22;
};

std::string draw_heat_strip(const HeatStrip& strip, double width);

// Over the whole width of the page: a wide and a narrow version, of which the style sheet shows
// one.
std::string draw_full_width(HeatStrip strip);

}  // namespace linscan
