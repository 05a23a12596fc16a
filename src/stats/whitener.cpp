#include "linscan/stats/whitener.h"

#include <ATen/ATen.h>

#include <tuple>

namespace linscan {
namespace {

// A squared pivot is the variance of a scaled feature that the earlier ones do not explain. Above this bound the
// solutions keep at least six digits; below it the slower path with its explicit cut-off decides.
constexpr double kSmallestSquaredPivot = 1e-9;

}  // namespace

Whitener::Whitener(const at::Tensor& s, double cutoff) {
  const at::Tensor variance = s.diagonal();
  // A constant feature leaves a variance of rounding noise only.
  const at::Tensor alive = variance > variance.max() * 1e-28;
  scale_ = at::where(alive, variance.clamp_min(1e-300).rsqrt(), at::zeros_like(variance));
  const at::Tensor scaled = s * scale_.unsqueeze(0) * scale_.unsqueeze(1);
  if (alive.all().item<bool>()) {
    const auto [factor, info] = at::linalg_cholesky_ex(scaled);
    if (info.item<int64_t>() == 0 &&
        factor.diagonal().square().min().item<double>() > kSmallestSquaredPivot) {
      factor_ = factor;
      rank_ = s.size(0);
      return;
    }
  }
  const auto [values, vectors] = at::linalg_eigh(scaled);  // ascending
  const at::Tensor kept = values > values.max() * cutoff;
  rank_ = kept.sum().item<int64_t>();
  const int64_t first = s.size(0) - rank_;
  basis_ = (vectors.slice(1, first) * values.slice(0, first).rsqrt().unsqueeze(0)).t().contiguous();
}

at::Tensor Whitener::whiten(const at::Tensor& b) const {
  const at::Tensor scaled = scale_.unsqueeze(1) * b;
  return used_cholesky() ? at::linalg_solve_triangular(factor_, scaled, /*upper=*/false) : basis_.mm(scaled);
}

at::Tensor Whitener::unwhiten(const at::Tensor& w) const {
  const at::Tensor back =
      used_cholesky() ? at::linalg_solve_triangular(factor_.t(), w, /*upper=*/true) : basis_.t().mm(w);
  return scale_.unsqueeze(1) * back;
}

}  // namespace linscan
