// The figures of a comparison: every model a line over normalised depth.
#pragma once

#include <vector>

#include "report/comparison.h"
#include "report/figures.h"

namespace linscan {

struct ComparisonFigure {
  Figure figure;
  // What is drawn, for the data table: the paths differ between models where a score in sample
  // stands in for one held out.
  std::vector<ComparedMetric> metrics;
};

// Figures for which some model has numbers, in the order of the page.
std::vector<ComparisonFigure> make_comparison_figures(const Comparison& comparison);

// Colour, dash and mark of the model at this place: no two of the first 120 are alike. Without
// points.
ChartSeries model_style(size_t index);

}  // namespace linscan
