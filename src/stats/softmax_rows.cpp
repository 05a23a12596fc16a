#include "stats/softmax_rows.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

// The loops below are plain arithmetic on kLanes neighbours, which compilers turn into vector
// instructions. Each function is compiled for several CPUs; which one runs is found out at start.
#if defined(__x86_64__) && defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
#define LINSCAN_VECTORIZED \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LINSCAN_VECTORIZED
#endif

namespace linscan {
namespace {

constexpr size_t kLanes = 32;
constexpr size_t kStretch = 16 * kLanes;  // summed in fp32, lane by lane, then added in fp64
constexpr float kLowest = -87.0F;         // exp is a normal number from here on
constexpr float kLn2High = 0.693359375F;  // few bits, so that n times it is exact
constexpr float kLn2Low = -2.12194440e-4F;

// exp(x) for x <= 0 to 2 units in the last place; below kLowest as if x were that. NaN stays NaN.
// x = n ln 2 + r with |r| <= ln 2 / 2, where exp(r) = 1 + r + r^2 q(r); q interpolates at the
// Chebyshev nodes, relative error 1e-8.
__attribute__((always_inline)) inline float exp_of_negative(float x) {
  constexpr float kShift = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  const float clamped = x < kLowest ? kLowest : x;
  const float shifted = clamped * std::numbers::log2e_v<float> + kShift;
  const float n = shifted - kShift;
  const float r = (clamped - n * kLn2High) - n * kLn2Low;
  float q = 1.3926213e-3F;
  q = q * r + 8.3632030e-3F;
  q = q * r + 4.1666554e-2F;
  q = q * r + 1.6666577e-1F;
  q = q * r + 0.5F;
  const float power = (q * r) * r + r + 1.0F;
  // The lowest bits of `shifted` are n: moved into the place of an exponent they give 2^n.
  const uint32_t scale = (std::bit_cast<uint32_t>(shifted) << 23) + std::bit_cast<uint32_t>(1.0F);
  return power * std::bit_cast<float>(scale);
}

using Lanes = std::array<float, kLanes>;

__attribute__((always_inline)) inline double sum_of(const Lanes& lanes) {
  double sum = 0;
  for (const float lane : lanes) sum += static_cast<double>(lane);
  return sum;
}

}  // namespace

LINSCAN_VECTORIZED
RowNormalizer normalize_row(std::span<const float> logits) {
  const float* const x = logits.data();
  const size_t size = logits.size();
  const size_t even = size - size % kLanes;
  Lanes highest;
  highest.fill(-std::numeric_limits<float>::infinity());
  for (size_t i = 0; i < even; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      highest[lane] = x[i + lane] > highest[lane] ? x[i + lane] : highest[lane];
    }
  }
  float top = -std::numeric_limits<float>::infinity();
  for (const float lane : highest) top = lane > top ? lane : top;
  for (size_t i = even; i < size; ++i) top = x[i] > top ? x[i] : top;
  double sum = 0;
  for (size_t begin = 0; begin < even; begin += kStretch) {
    const size_t end = std::min(begin + kStretch, even);
    Lanes part{};
    for (size_t i = begin; i < end; i += kLanes) {
      for (size_t lane = 0; lane < kLanes; ++lane) {
        part[lane] += exp_of_negative(x[i + lane] - top);
      }
    }
    sum += sum_of(part);
  }
  for (size_t i = even; i < size; ++i) sum += static_cast<double>(exp_of_negative(x[i] - top));
  return {top, static_cast<float>(std::log(sum))};
}

LINSCAN_VECTORIZED
int64_t most_likely(std::span<const float> logits, const RowNormalizer& normalizer) {
  const float* const x = logits.data();
  const size_t size = logits.size();
  const float best = normalizer.log_probability(normalizer.highest);
  const size_t even = size - size % kLanes;
  size_t i = 0;
  for (; i < even; i += kLanes) {
    int equal = 0;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      equal |= (x[i + lane] - normalizer.highest) - normalizer.log_sum == best ? 1 : 0;
    }
    if (equal != 0) break;
  }
  while (i < size && normalizer.log_probability(x[i]) != best) ++i;
  return static_cast<int64_t>(i);
}

LINSCAN_VECTORIZED
double row_divergence(std::span<const float> reference,
                      std::span<const float> logits,
                      const RowNormalizer& normalizer) {
  const float* const p = reference.data();
  const float* const x = logits.data();
  const float highest = normalizer.highest;
  const float log_sum = normalizer.log_sum;
  const size_t size = logits.size();
  const size_t even = size - size % kLanes;
  const auto term = [&](size_t i) __attribute__((always_inline)) {
    const float gap = p[i] - ((x[i] - highest) - log_sum);
    return p[i] < kLowest ? 0.0F : exp_of_negative(p[i]) * gap;
  };
  double sum = 0;
  for (size_t begin = 0; begin < even; begin += kStretch) {
    const size_t end = std::min(begin + kStretch, even);
    Lanes part{};
    for (size_t i = begin; i < end; i += kLanes) {
      for (size_t lane = 0; lane < kLanes; ++lane) part[lane] += term(i + lane);
    }
    sum += sum_of(part);
  }
  for (size_t i = even; i < size; ++i) sum += static_cast<double>(term(i));
  return sum;
}

}  // namespace linscan
