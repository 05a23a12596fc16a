// A grid of shaded cells, one column per block and one row per map, as inline SVG.
#pragma once

#include <string>
#include <vector>

#include "report/numbers.h"

namespace linscan {

struct HeatCell {
  Number value;      // > 0 is shaded on a logarithmic scale: the smaller, the darker
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
};

std::string draw_heat_strip(const HeatStrip& strip, double width);

}  // namespace linscan
