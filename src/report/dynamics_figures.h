// The figures of dynamics: every run a line over training steps, and block by block as a heat map.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "report/dynamics.h"
#include "report/figures.h"
#include "report/text_table.h"

namespace linscan {

struct DynamicsFigure {
  Figure figure;
  std::vector<TextTable> data;
};

// Figures for which some run has numbers, in the order of the page.
std::vector<DynamicsFigure> make_dynamics_figures(const Dynamics& dynamics);

// Single figures, added where some run has their numbers.
void add_heat_figure(const Dynamics& dynamics, std::vector<DynamicsFigure>& figures);
void add_loss_figure(const Dynamics& dynamics, std::vector<DynamicsFigure>& figures);

// Shared by them.

Chart step_chart(std::string id, std::string title, std::vector<ChartSeries> series);
// Adds to a line that is not drawn from step 0, which stands apart, to the next.
void add_point(ChartPoint point, ChartSeries& line);
// Name and look of the line of the run at this place, without points.
ChartSeries run_style(const Dynamics& dynamics, size_t place);
// The drawing under the key to its lines; for one run without. `metrics` are those drawn.
std::string framed(const Dynamics& dynamics,
                   const std::vector<ComparedMetric>& metrics,
                   const std::string& drawing);
// One row per step that any run has, one column per run: the finished cell of each of its steps.
TextTable data_table(const Dynamics& dynamics,
                     std::string_view name,
                     const std::vector<std::map<int64_t, std::string>>& cells);

}  // namespace linscan
