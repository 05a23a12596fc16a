// Maps simpler than the full affine one, and CCA. Each call may run beside the others.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>

#include "linscan/stats/linearity.h"
#include "stats/centered_pair.h"

namespace linscan {

Score score_scaled_identity(const CenteredPair& c);
Score score_diagonal(const CenteredPair& c);
// Scaled orthogonal map: ||Sxy||_*^2 / (tr Sxx tr Syy) (Procrustes).
Score score_orthogonal(const CenteredPair& c);
// Ridge on standardised features.
Score score_ridge(const CenteredPair& c);
// whitened_y  (., C): P Sxy of the whitener of Sxx.
std::map<int64_t, double> rank_curve(const CenteredPair& c, const at::Tensor& whitened_y);
// Mean squared canonical correlation. x_rank: of Sxx.
Score score_cca(const CenteredPair& c, const at::Tensor& whitened_y, int64_t x_rank);

}  // namespace linscan
