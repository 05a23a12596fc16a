#include "linscan/edit/token_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

namespace linscan {
namespace {

constexpr int kLowestPower = -3, kHighestPower = 1;
constexpr int kEdgesOfPower = 10;
constexpr std::array kPercents = {5, 25, 50, 75, 95, 99};

}  // namespace

std::vector<double> token_error_edges() {
  std::vector<double> edges;
  for (int i = kLowestPower * kEdgesOfPower; i <= kHighestPower * kEdgesOfPower; ++i) {
    edges.push_back(std::pow(10.0, static_cast<double>(i) / kEdgesOfPower));
  }
  return edges;
}

std::vector<int64_t> count_token_errors(const std::vector<float>& errors) {
  const std::vector<double> edges = token_error_edges();
  std::vector<int64_t> counts(edges.size() + 1);
  for (const float error : errors) {
    const auto above = std::ranges::upper_bound(edges, static_cast<double>(error));
    ++counts[static_cast<size_t>(above - edges.begin())];
  }
  return counts;
}

Json token_error_percentiles(std::vector<float> errors) {
  std::ranges::sort(errors);
  Json percentiles;
  for (const int percent : kPercents) {
    Json& value = percentiles[fmt::format("p{}", percent)];
    if (!errors.empty()) {
      // The smallest error with at least this share of all at or below it.
      const size_t rank = (errors.size() * static_cast<size_t>(percent) + 99) / 100;
      value = number_or_null(static_cast<double>(errors[rank - 1]));
    }
  }
  return percentiles;
}

}  // namespace linscan
