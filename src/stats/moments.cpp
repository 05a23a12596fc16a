#include "linscan/stats/moments.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace linscan {
namespace {

// Column strips of the lower triangle: with s strips a share of (s + 1) / 2s of the full product is
// computed.
constexpr int64_t kStrips = 6;
constexpr int64_t kMinStrip = 64;
// A feature whose variance is below this share of its square distance from the shift is constant up
// to rounding.
constexpr double kConstant = 1e-13;

void check_same_shift(const at::Tensor& a, const at::Tensor& b) {
  TORCH_CHECK(a.is_same(b) || at::equal(a, b), "moments with different shifts cannot be added");
}

}  // namespace

StateMoments StateMoments::zeros(const at::Tensor& shift) {
  StateMoments moments;
  moments.shift = shift;
  moments.sum = at::zeros_like(shift);
  moments.gram = at::zeros({shift.size(0), shift.size(0)}, shift.options());
  return moments;
}

void StateMoments::add_lower(const at::Tensor& rows) {
  n += rows.size(0);
  sum.add_(rows.sum(0));
  const int64_t width = rows.size(1);
  const int64_t strip = std::max(kMinStrip, (width + kStrips - 1) / kStrips);
  for (int64_t begin = 0; begin < width; begin += strip) {
    const int64_t end = std::min(begin + strip, width);
    gram.slice(0, begin, end)
        .slice(1, 0, end)
        .addmm_(rows.slice(1, begin, end).t(), rows.slice(1, 0, end));
  }
}

void StateMoments::symmetrize() {
  gram.tril_();
  gram.add_(gram.tril(-1).t());
}

void StateMoments::add_rows(const at::Tensor& rows, double sign) {
  n += (sign < 0 ? -1 : 1) * rows.size(0);
  sum.add_(rows.sum(0), sign);
  gram.addmm_(rows.t(), rows, 1, sign);
}

StateMoments& StateMoments::operator+=(const StateMoments& other) {
  check_same_shift(shift, other.shift);
  n += other.n;
  sum.add_(other.sum);
  gram.add_(other.gram);
  return *this;
}

StateMoments StateMoments::clone() const {
  return {n, shift, sum.clone(), gram.clone()};
}

at::Tensor StateMoments::mean() const {
  return shift + sum / static_cast<double>(n);
}

at::Tensor StateMoments::centered() const {
  at::Tensor moments = at::addr(gram, sum, sum, 1, -1.0 / static_cast<double>(n));
  const at::Tensor constant = moments.diagonal() <= gram.diagonal() * kConstant;
  if (constant.any().item<bool>()) {
    moments.masked_fill_(constant.unsqueeze(0), 0);
    moments.masked_fill_(constant.unsqueeze(1), 0);
  }
  return moments;
}

at::Tensor StateMoments::centered_diagonal() const {
  const at::Tensor raw = gram.diagonal();
  const at::Tensor variance = raw - sum.square() / static_cast<double>(n);
  return variance.masked_fill(variance <= raw * kConstant, 0);
}

PairMoments& PairMoments::operator+=(const PairMoments& other) {
  x += other.x;
  y += other.y;
  cross.add_(other.cross);
  update_square.add_(other.update_square);
  return *this;
}

PairMoments PairMoments::clone() const {
  return {x.clone(), y.clone(), cross.clone(), update_square.clone()};
}

void PairMoments::add_rows(const at::Tensor& x_rows, const at::Tensor& y_rows, double sign) {
  x.add_rows(x_rows, sign);
  y.add_rows(y_rows, sign);
  cross.addmm_(x_rows.t(), y_rows, 1, sign);
  update_square.add_((y_rows - x_rows).square_().sum(0), sign);
}

}  // namespace linscan
