#include "linscan/stats/displacement.h"

#include <ATen/ATen.h>

#include <numbers>

namespace linscan {

void Displacement::add(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor x64 = x.to(at::kDouble);
  const at::Tensor y64 = y.to(at::kDouble);
  const at::Tensor in = x64.square().sum(1).sqrt_();
  const at::Tensor out = y64.square().sum(1).sqrt_();
  const at::Tensor inner = (x64 * y64).sum(1);
  const at::Tensor update = (y64 - x64).square_().sum(1).sqrt_();
  const at::Tensor length = in * out;
  const at::Tensor zero = at::zeros_like(in);
  // Rounding may leave a cosine of 1 + 2e-16, whose arccos does not exist.
  const at::Tensor cosine = at::where(length > 0, inner / length, zero).clamp_(-1, 1);
  const at::Tensor angle = cosine.acos() / std::numbers::pi;
  const at::Tensor ratio = at::where(out > 0, update / out, zero);
  const at::Tensor batch =
      at::stack({cosine.sum(), angle.sum(), in.sum(), out.sum(), update.sum(), ratio.sum()});
  sums = sums.defined() ? sums + batch : batch;
  n += x.size(0);
}

double Displacement::mean(int64_t index) const {
  return sums[index].item<double>() / static_cast<double>(n);
}

}  // namespace linscan
