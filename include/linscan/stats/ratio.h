// A ratio of two sums over independent units, like a mean over the tokens of documents of different
// lengths.
#pragma once

#include <cmath>
#include <numeric>
#include <optional>
#include <span>

namespace linscan {

struct Ratio {
  double value = 0;
  std::optional<double> error;  // standard error; nothing for fewer than two units
};

// sum(numerators) / sum(denominators), one of each for a unit. The standard error is that of the
// linearised ratio estimator (Cochran, Sampling Techniques, section 6.3, without the correction for
// finite populations): sqrt(K / (K - 1) sum (a - r b)^2) / sum b. The denominators' sum is not 0.
inline Ratio ratio_of_sums(std::span<const double> numerators,
                           std::span<const double> denominators) {
  const double total = std::accumulate(denominators.begin(), denominators.end(), 0.0);
  Ratio ratio{std::accumulate(numerators.begin(), numerators.end(), 0.0) / total, std::nullopt};
  const auto units = static_cast<double>(denominators.size());
  if (units > 1) {
    double squares = 0;
    for (size_t k = 0; k < denominators.size(); ++k) {
      squares += std::pow(numerators[k] - ratio.value * denominators[k], 2);
    }
    ratio.error = std::sqrt(units / (units - 1) * squares) / total;
  }
  return ratio;
}

}  // namespace linscan
