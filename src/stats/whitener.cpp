#include "linscan/stats/whitener.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <tuple>

namespace linscan {
namespace {

// A squared pivot is the variance of a scaled feature that the earlier ones do not explain. Where
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

}  // namespace

Whitener::Whitener(const at::Tensor& s) {
  const at::Tensor variance = s.diagonal();
  const at::Tensor alive = variance > variance.max() * 1e-28;
  scale_ = at::where(alive, variance.clamp_min(1e-300).rsqrt(), at::zeros_like(variance));
  at::Tensor scaled = s * scale_.unsqueeze(0);
  scaled.mul_(scale_.unsqueeze(1));
  // Features without variance become independent of all others; whiten() multiplies theirs by zero.
  scaled.diagonal().masked_fill_(alive.logical_not(), 1);
  const int64_t width = s.size(0);
  const int64_t dead = width - alive.sum().item<int64_t>();
  const auto [factor, info] = at::linalg_cholesky_ex(scaled);
  if (info.item<int64_t>() == 0 &&
      factor.diagonal().square().min().item<double>() > kSmallestSquaredPivot) {
    factor_ = factor;
    rank_ = width - dead;
    return;
  }
  const auto [values, vectors] = at::linalg_eigh(scaled);  // ascending
  const int64_t kept = (values > values.max() * noise_share(width)).sum().item<int64_t>();
  const int64_t first = width - kept;
  rank_ = kept - dead;
  basis_ = (vectors.slice(1, first) * values.slice(0, first).rsqrt().unsqueeze(0)).t().contiguous();
}

at::Tensor Whitener::whiten(const at::Tensor& b) const {
  const at::Tensor scaled = scale_.unsqueeze(1) * b;
  return used_cholesky() ? at::linalg_solve_triangular(factor_, scaled, /*upper=*/false)
                         : basis_.mm(scaled);
}

at::Tensor Whitener::unwhiten(const at::Tensor& w) const {
  const at::Tensor back = used_cholesky()
                              ? at::linalg_solve_triangular(factor_.t(), w, /*upper=*/true)
                              : basis_.t().mm(w);
  return scale_.unsqueeze(1) * back;
}

}  // namespace linscan
