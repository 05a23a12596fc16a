// Figures 3 and 4: the ladder of maps and the rank curves.
#include <fmt/format.h>

#include <algorithm>

#include "report/figures.h"
#include "report/heat_strip.h"

namespace linscan {
namespace {

struct Rung {
  std::string path;
  std::string label;
  bool gap_above = false;
};

// At most five of the ranks, spread over their order, the largest among them.
std::vector<int64_t> spread(const std::vector<int64_t>& ranks) {
  constexpr size_t kShown = 5;
  std::vector<int64_t> out;
  const size_t count = std::min(kShown, ranks.size());
  for (size_t i = 0; i < count; ++i) {
    const size_t at = count == 1 ? 0 : i * (ranks.size() - 1) / (count - 1);
    out.push_back(ranks[at]);
  }
  return out;
}

std::vector<Rung> ladder(const ResultDocument& analysis) {
  std::vector<Rung> rungs = {{"baselines.scaled_identity", "scaled identity"},
                             {"baselines.diagonal", "diagonal"},
                             {"baselines.orthogonal", "scaled orthogonal"}};
  bool first = true;
  for (const int64_t rank : spread(analysis.ranks())) {
    rungs.push_back({fmt::format("baselines.rank.{}", rank), fmt::format("rank {}", rank), first});
    first = false;
  }
  rungs.push_back({"baselines.ridge", "ridge", true});
  rungs.push_back({"linearity.stream.in_sample", "full affine"});
  rungs.push_back({"linearity.stream.held_out", "affine, held out"});
  rungs.push_back({"baselines.cca", "CCA (mean ρ²)", true});
  std::erase_if(rungs, [&](const Rung& rung) { return !analysis.any(rung.path); });
  return rungs;
}

HeatRow heat_row(const ResultDocument& analysis, const Rung& rung) {
  HeatRow row{rung.label, rung.gap_above, {}};
  for (const Row& block : analysis.blocks()) {
    HeatCell cell;
    const Number score = block.number(rung.path);
    const std::string where = fmt::format("block {}, {}: ", block.name(), rung.label);
    if (score) {
      const double rest = 1 - *score;
      cell.value = std::max(rest, 1e-12);
      cell.text = rest < 1e-12 ? "0" : significant(rest, 2);
      cell.note =
          fmt::format("{}R² {}, unexplained {}", where, metric_text(rung.path, score), cell.text);
    } else {
      cell.note = where + block.reason(rung.path);
    }
    row.cells.push_back(std::move(cell));
  }
  return row;
}

// Blocks whose rank curves are drawn: first, last and evenly between, at most five.
std::vector<size_t> chosen_blocks(size_t count) {
  constexpr size_t kShown = 5;
  std::vector<size_t> out;
  const size_t shown = std::min(kShown, count);
  for (size_t i = 0; i < shown; ++i) {
    out.push_back(shown == 1 ? 0 : i * (count - 1) / (shown - 1));
  }
  return out;
}

ChartSeries rank_series(const ResultDocument& analysis,
                        size_t block,
                        int color,
                        ValueTransform transform) {
  const Row& row = analysis.blocks()[block];
  ChartSeries series{
      fmt::format("block {}", block), color, LineStyle::kStrong, MarkStyle::kSmallDot, {}};
  for (const int64_t rank : analysis.ranks()) {
    const std::string path = fmt::format("baselines.rank.{}", rank);
    const Number score = row.number(path);
    ChartPoint point;
    point.x = static_cast<double>(rank);
    if (score) {
      point.y = transform == ValueTransform::kUnexplained ? 1 - *score : *score;
      point.note = fmt::format("block {}, rank {}: R² {}", block, rank, metric_text(path, score));
    }
    series.points.push_back(std::move(point));
  }
  return series;
}

}  // namespace

std::optional<Figure> ladder_figure(const ResultDocument& analysis) {
  const std::vector<Rung> rungs = ladder(analysis);
  const bool has_baseline = std::any_of(rungs.begin(), rungs.end(), [](const Rung& rung) {
    return rung.path.starts_with("baselines.");
  });
  if (!has_baseline) {
    return std::nullopt;
  }
  HeatStrip strip;
  strip.id = "ladder";
  strip.title = "Unexplained share of the stream, per map and block";
  strip.description =
      "One row per map from scaled identity to the full affine map, one column per "
      "block; darker cells leave less unexplained.";
  strip.column_name = "block";
  strip.scale_name = "share of the stream's variance left unexplained (log)";
  std::vector<std::string> paths;
  for (const Rung& rung : rungs) {
    strip.rows.push_back(heat_row(analysis, rung));
    paths.push_back(rung.path);
  }
  return Figure{
      "fig-ladder",
      "What does each richer map add?",
      draw_full_width(strip),
      "Every row is a family of maps from a block's input to its output, fitted in "
      "sample; darker means less is left unexplained. Read a column downwards: where it "
      "does not darken below scaled identity, the richer maps add nothing to the "
      "residual path.",
      "The families are not all nested: orthogonal maps are no diagonal ones, and a rank-k "
      "map has no residual path of its own. CCA weighs all directions equally, so it is "
      "no R² and stands apart.",
      paths};
}

std::optional<Figure> rank_figure(const ResultDocument& analysis) {
  const std::vector<int64_t> ranks = analysis.ranks();
  if (ranks.size() < 2) {
    return std::nullopt;
  }
  Chart linear;
  linear.id = "rank";
  linear.title = "R² of rank-k maps";
  linear.description = "R² of the best map of rank k on the stream against k, for some blocks.";
  linear.x = {"rank k of the map (log)",
              static_cast<double>(ranks.front()),
              static_cast<double>(ranks.back()),
              AxisKind::kLogBase2,
              ""};
  linear.y.label = "R² of the stream, in sample";
  linear.y.high = 1.0;
  linear.y.lowest = 0.0;
  Chart unexplained = linear;
  unexplained.id = "rank-unexplained";
  unexplained.title = "Unexplained share of rank-k maps";
  unexplained.description = "The same as one minus R² on a logarithmic axis.";
  unexplained.y = unexplained_axis("stream");
  int color = 1;
  for (const size_t block : chosen_blocks(analysis.blocks().size())) {
    linear.series.push_back(rank_series(analysis, block, color, ValueTransform::kNone));
    unexplained.series.push_back(rank_series(analysis, block, color, ValueTransform::kUnexplained));
    ++color;
  }
  if (!has_points(linear)) {
    return std::nullopt;
  }
  std::vector<std::string> paths;
  for (const int64_t rank : ranks) {
    paths.push_back(fmt::format("baselines.rank.{}", rank));
  }
  return Figure{"fig-rank",
                "How many directions does the map need?",
                side_by_side({linear, unexplained}, 2),
                "R² of the best linear map of rank k from input to output, in sample. A curve that "
                "is high at k = 1 means that one direction holds most of the stream's variance; a "
                "curve that climbs until the end uses all of them.",
                "Directions are counted by variance, and variance is not importance. Only some "
                "blocks are drawn; the table has all.",
                paths};
}

}  // namespace linscan
