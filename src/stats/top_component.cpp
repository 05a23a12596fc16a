#include "stats/top_component.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>
#include <vector>

namespace linscan {
namespace {

constexpr int64_t kCheckEvery = 10;
constexpr int64_t kMaxSteps = 150;
// Of the eigenvalue. The eigenvalue's own error is the square of this.
constexpr double kResidual = 1e-11;

// Largest eigenpair of the tridiagonal matrix with these entries; the vector's last entry times the
// next off-diagonal entry is the residual.
std::pair<double, at::Tensor> top_of_tridiagonal(const std::vector<double>& diagonal,
                                                 const std::vector<double>& off_diagonal) {
  const auto size = static_cast<int64_t>(diagonal.size());
  at::Tensor matrix = at::diag(at::tensor(diagonal, at::kDouble));
  if (size > 1) {
    const std::vector<double> inner(off_diagonal.begin(), off_diagonal.begin() + size - 1);
    matrix.diagonal(-1).copy_(at::tensor(inner, at::kDouble));
  }
  const auto [values, vectors] = at::linalg_eigh(matrix);  // reads the lower triangle
  return {values[size - 1].item<double>(), vectors.select(1, size - 1)};
}

// Lanczos with full reorthogonalisation; nothing when it has not converged after kMaxSteps.
std::optional<TopComponent> lanczos(const at::Tensor& s) {
  const int64_t width = s.size(0);
  const int64_t steps = std::min(kMaxSteps, width);
  const at::Tensor basis = at::zeros({steps, width}, s.options());
  std::vector<double> diagonal;
  std::vector<double> off_diagonal;
  // Any start that is not orthogonal to the first component will do; uneven numbers never are.
  at::Tensor next = s.mv(at::arange(1, width + 1, s.options()).cos_());
  next = next / next.norm();
  for (int64_t step = 0; step < steps; ++step) {
    basis.select(0, step).copy_(next);
    const at::Tensor known = basis.slice(0, 0, step + 1);
    at::Tensor product = s.mv(next);
    diagonal.push_back(product.dot(next).item<double>());
    for (int pass = 0; pass < 2; ++pass) {  // twice is enough (Parlett)
      product = product - known.t().mv(known.mv(product));
    }
    off_diagonal.push_back(product.norm().item<double>());
    const bool last = step + 1 == steps || off_diagonal.back() <= diagonal.front() * 1e-14;
    if (last || (step + 1) % kCheckEvery == 0) {
      const auto [value, weights] = top_of_tridiagonal(diagonal, off_diagonal);
      const double residual = std::abs(off_diagonal.back() * weights[step].item<double>());
      if (residual <= kResidual * value) {
        const at::Tensor direction = known.t().mv(weights.to(s.device()));
        return TopComponent{value, direction / direction.norm()};
      }
      if (last) {
        return std::nullopt;
      }
    }
    next = product / off_diagonal.back();
  }
  return std::nullopt;
}

}  // namespace

TopComponent top_component(const at::Tensor& s) {
  if (std::optional<TopComponent> found = lanczos(s)) {
    return *std::move(found);
  }
  const auto [values, vectors] = at::linalg_eigh(s);
  const int64_t last = s.size(0) - 1;
  return {values[last].item<double>(), vectors.select(1, last)};
}

}  // namespace linscan
