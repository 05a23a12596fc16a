#include "linscan/stats/displacement.h"

#include <ATen/ATen.h>

#include <numbers>

namespace linscan {

at::Tensor Displacement::of_tokens(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor x64 = x.to(at::kDouble);
  const at::Tensor y64 = y.to(at::kDouble);
  const at::Tensor in = at::linalg_vector_norm(x64, 2, {1});
  const at::Tensor out = at::linalg_vector_norm(y64, 2, {1});
  const at::Tensor update = at::linalg_vector_norm(y64 - x64, 2, {1});
  const at::Tensor inner = (in.square() + out.square() - update.square()) / 2;  // <x, y>
  const at::Tensor length = in * out;
  const at::Tensor zero = at::zeros_like(in);
  // Rounding may leave a cosine of 1 + 2e-16, whose arccos does not exist.
  const at::Tensor cosine = at::where(length > 0, inner / length, zero).clamp_(-1, 1);
  const at::Tensor angle = cosine.acos() / std::numbers::pi;
  const at::Tensor ratio = at::where(out > 0, update / out, zero);
  return at::stack({cosine, angle, in, out, update, ratio});
}

void Displacement::add(const at::Tensor& figures) {
  const at::Tensor batch = figures.sum(1);
  sums = sums.defined() ? sums + batch : batch;
  n += figures.size(1);
}

double Displacement::mean(int64_t index) const {
  return sums[index].item<double>() / static_cast<double>(n);
}

}  // namespace linscan
