// The figures of the report: which metrics stand in which drawing, and how to read it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/chart.h"
#include "report/document.h"
#include "report/text_table.h"

namespace linscan {

struct Figure {
  std::string id;
  std::string title;
  std::string drawing;  // markup
  std::string reading;  // how to read it
  std::string caveat;   // what it does not show
  std::vector<std::string>
      paths;  // metrics of the data table under it; intervals by their own path
};

// Figures for which the document has numbers, in the order of the report.
std::vector<Figure> make_figures(const ResultDocument& analysis);

// Single figures, nothing where no metric of theirs is there.
std::optional<Figure> update_figure(const ResultDocument& analysis);
std::optional<Figure> stream_figure(const ResultDocument& analysis);
std::optional<Figure> damage_figure(const ResultDocument& analysis);
std::optional<Figure> correlation_figure(const ResultDocument& analysis);
std::optional<Figure> token_error_figure(const ResultDocument& analysis);
std::optional<Figure> sublayer_figure(const ResultDocument& analysis);
std::optional<Figure> ladder_figure(const ResultDocument& analysis);
std::optional<Figure> rank_figure(const ResultDocument& analysis);
std::optional<Figure> norm_figure(const ResultDocument& analysis);
std::optional<Figure> geometry_figure(const ResultDocument& analysis);
std::optional<Figure> outlier_figure(const ResultDocument& analysis);
std::optional<Figure> probe_figure(const ResultDocument& analysis);

// Rank correlations of the scores with the damage, one score per row; no rows where there are none.
TextTable correlation_table(const ResultDocument& analysis);
inline constexpr std::string_view kCorrelationRemark =
    "ρ: Spearman's rank correlation over the blocks; positive where the blocks that the score "
    "calls "
    "the hardest to do without (little linear, far moved, large update) do the most damage";

// Shared by them.

enum class ValueTransform { kNone, kUnexplained };  // kUnexplained: 1 - value

struct Curve {
  std::string path;
  std::string label;
  int color = 1;
  LineStyle line = LineStyle::kStrong;
  MarkStyle mark = MarkStyle::kDot;
  std::string interval;  // path of [low, high], may be empty
};

// The curve over the blocks. kUnexplained swaps the ends of the interval.
ChartSeries block_series(const ResultDocument& analysis,
                         const Curve& curve,
                         ValueTransform transform);
// The post-norm point alone, as a hollow mark at the position of the last block.
ChartSeries post_norm_series(const ResultDocument& analysis,
                             const Curve& curve,
                             ValueTransform transform,
                             std::string_view label);

PositionAxis block_axis(const ResultDocument& analysis);
ValueAxis unexplained_axis(std::string_view of);

// Below it a held-out score only says "worse than the mean": no axis goes further down, triangles
// stand at its edge.
inline constexpr double kLowestScore = -0.5;
// The axis of an R²: as far as the data goes, within kLowestScore and 1.
ValueAxis r2_axis(std::string label);
// The same, from 0 where none of these lines falls below it.
ValueAxis r2_axis_from_zero(std::string label, const std::vector<ChartSeries>& series);
// The smallest value, infinity where there is none.
double lowest_value(const std::vector<ChartSeries>& series);

// Who names the lines: the drawing itself, or a list of keys beside it.
enum class Naming { kInside, kBeside };

// One drawing over the whole width: a wide version, with names at the lines where they are inside,
// and a narrow one with a legend, of which the style sheet shows one.
std::string full_width(const Chart& chart, Naming naming = Naming::kInside);
// Several drawings side by side, each with a legend where names are inside; charts without points
// are left out.
std::string side_by_side(const std::vector<Chart>& charts,
                         int columns,
                         Naming naming = Naming::kInside);

}  // namespace linscan
