// The centred second moments of one pair of states: what all scores are solved from.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "linscan/stats/moments.h"

namespace linscan {

// A target whose variance is not above this has none.
inline constexpr double kNoVariance = 1e-30;

// d = y - x is the update. All fp64, (C, C) where nothing else is said.
struct CenteredPair {
  explicit CenteredPair(const PairMoments& moments);

  int64_t n;
  at::Tensor xx;
  at::Tensor xd;  // of x with the update
  at::Tensor xy;
  at::Tensor yy;
  at::Tensor dd_diag;  // (C): variance sums of the update
  double xx_trace, yy_trace, dd_trace;
};

}  // namespace linscan
