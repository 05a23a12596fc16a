// The figure of token errors: how the error of each block's map is spread over tokens.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "report/figures.h"
#include "report/heat_strip.h"
#include "report/markup.h"
#include "report/text.h"

namespace linscan {
namespace {

constexpr double kRowHeight = 9;
constexpr double kShadeSteps = 20;  // the darkest shade is a multiple of 1 / 20
constexpr size_t kLabelEvery = 5;   // edges: twice for a power of ten

struct ErrorKind {
  const char* name;
  const char* title;
  const char* whole;  // what the error is a share of
};

constexpr std::array kKinds = {ErrorKind{"stream", "Error of the state", "the state's norm"},
                               ErrorKind{"update", "Error of the update", "the update's norm"}};

std::string range_text(const std::vector<double>& edges, size_t bin) {
  if (bin == 0) {
    return fmt::format("below {}", significant(edges.front(), 2));
  }
  const std::string from = significant(edges[bin - 1], 2);
  return bin == edges.size() ? fmt::format("{} or more", from)
                             : fmt::format("{} to {}", from, significant(edges[bin], 2));
}

// Bins that any block uses: first and one past the last.
std::pair<size_t, size_t> used_bins(const std::vector<std::vector<double>>& shares, size_t bins) {
  size_t first = bins, last = 0;
  for (const std::vector<double>& block : shares) {
    for (size_t bin = 0; bin < bins; ++bin) {
      if (block[bin] > 0) {
        first = std::min(first, bin);
        last = std::max(last, bin + 1);
      }
    }
  }
  return {first, last};
}

// Of each block, the share of its tokens in every bin.
std::vector<std::vector<double>> shares_of(const Json& blocks) {
  std::vector<std::vector<double>> shares;
  for (const Json& counts : blocks) {
    auto& block = shares.emplace_back(counts.get<std::vector<double>>());
    double total = 0;
    for (const double count : block) total += count;
    for (double& count : block) count = total > 0 ? count / total : 0;
  }
  return shares;
}

std::optional<HeatStrip> histogram_strip(const Json& errors, const ErrorKind& kind) {
  const auto edges = errors["edges"].get<std::vector<double>>();
  const auto shares = shares_of(errors[kind.name]);
  const auto [first, last] = used_bins(shares, edges.size() + 1);
  if (first >= last) {
    return std::nullopt;
  }
  HeatStrip strip;
  strip.id = fmt::format("token-errors-{}", kind.name);
  strip.title = kind.title;
  strip.description =
      "One column per block, one row per size of the error, the larger the higher; "
      "darker cells hold more tokens.";
  strip.column_name = "block";
  strip.scale_name = fmt::format(
      "{} of a token, as a share of {}; shade: share of the tokens", kind.title, kind.whole);
  strip.cell_height = kRowHeight;
  double most = 0;
  for (size_t bin = last; bin-- > first;) {
    HeatRow row;
    // The label of a bin is its lower edge.
    row.label = bin > 0 && (bin - 1) % kLabelEvery == 0 ? significant(edges[bin - 1], 2) : "";
    for (size_t block = 0; block < shares.size(); ++block) {
      const double share = shares[block][bin];
      most = std::max(most, share);
      row.cells.push_back({share,
                           "",
                           fmt::format("block {}, error {}: {:.1f} % of the tokens",
                                       block,
                                       range_text(edges, bin),
                                       100 * share)});
    }
    strip.rows.push_back(std::move(row));
  }
  strip.linear = Range{0, std::ceil(most * kShadeSteps) / kShadeSteps};
  return strip;
}

}  // namespace

std::optional<Figure> token_error_figure(const ResultDocument& analysis) {
  const Json* errors = find_path(analysis.json(), "damage.token_errors");
  if (errors == nullptr) {
    return std::nullopt;
  }
  Markup out;
  std::vector<std::string> paths;
  for (const ErrorKind& kind : kKinds) {
    if (const auto strip = histogram_strip(*errors, kind); strip) {
      out.append(draw_full_width(*strip));
    }
    for (const int percent : {5, 25, 50, 75, 95, 99}) {
      paths.push_back(fmt::format("damage.linear.error.{}.p{}", kind.name, percent));
    }
  }
  std::string drawing = out.take();
  if (drawing.empty()) {
    return std::nullopt;
  }
  return Figure{
      "fig-token-errors",
      "Which tokens does the map miss?",
      std::move(drawing),
      "A histogram for each block, drawn as a column: how far the block's fitted map is off, "
      "token by token, on text that it was not fitted to. A long tail upwards is a block that "
      "is nearly linear for most tokens and does something else for a few. An update error "
      "of 1 is that of doing nothing.",
      "Errors are those of one block's map on the states of the unedited model. A token with a "
      "large norm, like a first token, has a small relative error whatever the map does.",
      paths};
}

}  // namespace linscan
