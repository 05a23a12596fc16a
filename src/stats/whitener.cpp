#include "linscan/stats/whitener.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

namespace linscan {
namespace {

// A squared pivot is the share of a feature's variance that the earlier ones do not explain. Where
// features depend on each other exactly, rounding leaves pivots of 1e-15 and less. Above the bound
// Cholesky is as accurate as an eigenvalue solve that keeps everything: with both, 1e-6 of R^2 are
// lost at a data condition of about 1e7.
constexpr double kSmallestSquaredPivot = 1e-12;

// Eigenvalues below this share of the largest are rounding noise: a symmetric matrix of C x C
// errors of one epsilon has eigenvalues up to 2 sqrt(C) epsilon, the largest eigenvalue of the
// scaled matrix is 1 or more, and exact dependencies were seen to leave a fifth of this bound. A
// larger cut-off drops directions that data of condition 1e6 really has.
double noise_share(int64_t width) {
  return std::sqrt(static_cast<double>(width)) * std::numeric_limits<double>::epsilon();
}

// Rows of the features without variance become zero.
at::Tensor without(const at::Tensor& dead, const at::Tensor& rows) {
  return dead.defined() ? rows.masked_fill(dead.unsqueeze(1), 0) : rows;
}

}  // namespace

Whitener::Whitener(const at::Tensor& s, double least_share) {
  const at::Tensor variance = s.diagonal();
  const at::Tensor alive = variance > variance.max() * 1e-28;
  const int64_t width = s.size(0);
  rank_ = alive.sum().item<int64_t>();
  at::Tensor solved = s;
  if (rank_ < width) {
    // They become independent of all others.
    dead_ = alive.logical_not();
    solved = s.masked_fill(dead_.unsqueeze(0), 0).masked_fill_(dead_.unsqueeze(1), 0);
    solved.diagonal().masked_fill_(dead_, 1);
  }
  // Symmetric: transposed it already lies as the solver wants it.
  const auto [factor, info] = at::linalg_cholesky_ex(solved.t());
  if (info.item<int64_t>() == 0 &&
      (factor.diagonal().square() / solved.diagonal()).min().item<double>() >
          std::max(kSmallestSquaredPivot, least_share)) {
    factor_ = factor;
    return;
  }
  const at::Tensor root = solved.diagonal().sqrt();
  const at::Tensor scaled = solved / root.unsqueeze(0) / root.unsqueeze(1);
  const auto [values, vectors] = at::linalg_eigh(scaled);  // ascending
  const double cut = std::max(noise_share(width), least_share);
  const int64_t kept = (values > values.max() * cut).sum().item<int64_t>();
  const int64_t first = width - kept;
  rank_ -= width - kept;
  const at::Tensor directions = without(dead_, vectors.slice(1, first)).t();  // (kept, C)
  const at::Tensor deviation = values.slice(0, first).sqrt().unsqueeze(1);
  basis_ = directions / deviation / root.unsqueeze(0);
  self_ = directions * deviation * root.unsqueeze(0);
}

at::Tensor Whitener::whiten(const at::Tensor& b) const {
  return used_cholesky() ? at::linalg_solve_triangular(factor_, without(dead_, b), /*upper=*/false)
                         : basis_.mm(b);
}

at::Tensor Whitener::unwhiten(const at::Tensor& w) const {
  return used_cholesky()
             ? without(dead_, at::linalg_solve_triangular(factor_.t(), w, /*upper=*/true))
             : basis_.t().mm(w);
}

at::Tensor Whitener::whitened_self() const {
  // P S = L^T.
  return used_cholesky() ? without(dead_, factor_).t() : self_;
}

}  // namespace linscan
