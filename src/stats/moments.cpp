#include "linscan/stats/moments.h"

#include <ATen/ATen.h>

#include "stats/products.h"

namespace linscan {
namespace {

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
  add_gram_lower(gram, rows);
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

PairMoments PairMoments::zeros(const at::Tensor& shift_x, const at::Tensor& shift_y) {
  PairMoments moments{StateMoments::zeros(shift_x), StateMoments::zeros(shift_y), {}, {}};
  moments.x_update = at::zeros_like(moments.x.gram).t();
  moments.update_square = at::zeros_like(shift_x);
  return moments;
}

at::Tensor PairMoments::update_sum() const {
  return y.sum - x.sum;
}

PairMoments& PairMoments::operator+=(const PairMoments& other) {
  x += other.x;
  y += other.y;
  x_update.add_(other.x_update);
  update_square.add_(other.update_square);
  return *this;
}

PairMoments PairMoments::clone() const {
  return {x.clone(), y.clone(), x_update.clone(), update_square.clone()};
}

PairMoments PairMoments::sum(const std::vector<PairMoments>& parts) {
  PairMoments total = parts.front().clone();
  for (size_t i = 1; i < parts.size(); ++i) {
    total += parts[i];
  }
  return total;
}

void PairMoments::add_rows(const at::Tensor& x_rows, const at::Tensor& y_rows, double sign) {
  x.add_rows(x_rows, sign);
  y.add_rows(y_rows, sign);
  const at::Tensor update = y_rows - x_rows;
  x_update.addmm_(x_rows.t(), update, 1, sign);
  update_square.add_(update.square().sum(0), sign);
}

}  // namespace linscan
