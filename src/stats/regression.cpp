#include "linscan/stats/regression.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "linscan/base/error.h"
#include "linscan/stats/whitener.h"
#include "stats/products.h"

namespace linscan {

// States are fp32: below this share of the largest eigenvalue (1e-5 of a deviation) lies their
// rounding, and what a map would make of it.
constexpr double kRoundingShare = 1e-10;

// The moments about the means where there is a bias.
struct NormalEquations {
  explicit NormalEquations(const RegressionMoments& m)
      : n(m.n_), xx(m.gram_.tril()), xr(m.x_r_), r_square(m.r_square_) {
    xx.add_(xx.tril(-1).t());
    if (m.bias_) {
      const double weight = -1.0 / static_cast<double>(n);
      xx.addr_(m.sum_x_, m.sum_x_, 1, weight);
      xr = at::addr(xr, m.sum_x_, m.sum_r_, 1, weight);
      r_square += weight * m.sum_r_.square().sum().item<double>();
      // A feature that is constant up to rounding has no variance.
      const at::Tensor constant = xx.diagonal() <= m.gram_.diagonal() * 1e-13;
      xx.masked_fill_(constant.unsqueeze(0), 0).masked_fill_(constant.unsqueeze(1), 0);
      mean_x = m.shift_x_ + m.sum_x_ / static_cast<double>(n);
      mean_r = m.shift_r_ + m.sum_r_ / static_cast<double>(n);
    }
    LINSCAN_CHECK(std::isfinite(r_square + xx.sum().item<double>()),
                  kNumeric,
                  "the states that a map is fitted to are not finite");
  }

  int64_t n;
  at::Tensor xx;  // (d, d)
  at::Tensor xr;  // (d, C)
  double r_square;
  at::Tensor mean_x, mean_r;
};

namespace {

at::Tensor zero_matrix(int64_t rows, int64_t columns, at::Device device) {
  return at::zeros({rows, columns}, at::TensorOptions().dtype(at::kDouble).device(device));
}

// D of any shape, or of rank K: reduced-rank regression, the full map projected on the directions
// of the output in which it explains most.
at::Tensor fit_full(const NormalEquations& e, const MapChoice& choice, int64_t& rank) {
  at::Tensor xx = e.xx;
  if (choice.ridge > 0) {
    xx = xx.clone();
    xx.diagonal().add_(choice.ridge * e.xx.diagonal().mean().item<double>());
  }
  const Whitener whitener(xx, kRoundingShare);
  rank = whitener.rank();
  const at::Tensor whitened = whitener.whiten(e.xr);  // (., C)
  if (choice.kind != MapKind::kRank || choice.rank >= whitened.size(1)) {
    return whitener.unwhiten(whitened);
  }
  const auto [values, vectors] = at::linalg_eigh(whitened.t().mm(whitened));  // ascending
  const at::Tensor kept = vectors.slice(1, vectors.size(1) - choice.rank);    // (C, K)
  return whitener.unwhiten(whitened.mm(kept)).mm(kept.t());
}

at::Tensor identity_like(const at::Tensor& xx) {
  return at::eye(xx.size(0), xx.options());
}

// With y = x + r: x a Q, a Q = argmin ||x a Q - y||^2 over a and orthogonal Q.
at::Tensor fit_orthogonal(const NormalEquations& e) {
  const auto [u, s, vt] = at::linalg_svd(e.xx + e.xr);
  const double scale = s.sum().item<double>() / e.xx.diagonal().sum().item<double>();
  return u.mm(vt) * scale - identity_like(e.xx);
}

at::Tensor fit_diagonal(const NormalEquations& e) {
  const at::Tensor variance = e.xx.diagonal();
  const at::Tensor alive = variance > variance.max() * 1e-28;
  return at::diag_embed(at::where(alive, e.xr.diagonal() / variance, at::zeros_like(variance)));
}

at::Tensor fit_scale(const NormalEquations& e) {
  return identity_like(e.xx) *
         (e.xr.diagonal().sum().item<double>() / e.xx.diagonal().sum().item<double>());
}

at::Tensor fit_weight(const NormalEquations& e, const MapChoice& choice, int64_t& rank) {
  if (!(e.xx.diagonal().sum().item<double>() > 0)) {
    rank = 0;
    return at::zeros_like(e.xr);  // nothing varies: no change is best
  }
  rank = e.xx.size(0);
  switch (choice.kind) {
    case MapKind::kAffine:
    case MapKind::kRank:
      return fit_full(e, choice, rank);
    case MapKind::kDiagonal:
      return fit_diagonal(e);
    case MapKind::kScale:
      return fit_scale(e);
    case MapKind::kOrthogonal:
      return fit_orthogonal(e);
  }
  fail(ErrorKind::kInternal, "unknown kind of map");
}

}  // namespace

RegressionMoments::RegressionMoments(int64_t inputs, int64_t outputs, bool bias, at::Device device)
    : bias_(bias),
      gram_(zero_matrix(inputs, inputs, device)),
      x_r_(zero_matrix(inputs, outputs, device)) {
  sum_x_ = at::zeros({inputs}, gram_.options());
  sum_r_ = at::zeros({outputs}, gram_.options());
}

void RegressionMoments::add(const at::Tensor& x, const at::Tensor& r) {
  at::Tensor inputs = x.to(at::kDouble);
  at::Tensor missing = r.to(at::kDouble);
  if (bias_) {
    if (!shift_x_.defined()) {
      shift_x_ = inputs.mean(0);
      shift_r_ = missing.mean(0);
    }
    inputs = inputs - shift_x_;
    missing = missing - shift_r_;
    sum_x_.add_(inputs.sum(0));
    sum_r_.add_(missing.sum(0));
  }
  n_ += inputs.size(0);
  add_gram_lower(gram_, inputs);
  x_r_.addmm_(inputs.t(), missing);
  r_square_ += missing.square().sum().item<double>();
}

UpdateMap fit_update(const RegressionMoments& moments, const MapChoice& choice) {
  const NormalEquations e(moments);
  UpdateMap map;
  map.weight = fit_weight(e, choice, map.rank);
  const double left =
      e.r_square - 2 * inner_product(e.xr, map.weight) + quadratic_form(e.xx, map.weight);
  map.unexplained = e.r_square > 0 ? std::max(0.0, left) / e.r_square : 0.0;
  if (moments.bias()) {
    map.bias = e.mean_r - map.weight.t().mv(e.mean_x);
  }
  return map;
}

MapChoice parse_map(std::string_view text, std::string_view option) {
  if (text == "affine") return {MapKind::kAffine};
  if (text == "diagonal") return {MapKind::kDiagonal};
  if (text == "scale") return {MapKind::kScale};
  if (text == "orthogonal") return {MapKind::kOrthogonal};
  constexpr std::string_view kRankPrefix = "rank:";
  if (text.starts_with(kRankPrefix)) {
    const std::string_view number = text.substr(kRankPrefix.size());
    int64_t rank = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), rank);
    if (error == std::errc() && end == number.data() + number.size() && rank > 0) {
      return {MapKind::kRank, rank};
    }
  }
  fail(ErrorKind::kUsage,
       "{} {}: expected affine, diagonal, scale, orthogonal or rank:K with K at least 1",
       option,
       text);
}

std::string name(const MapChoice& choice) {
  switch (choice.kind) {
    case MapKind::kAffine:
      return "affine";
    case MapKind::kDiagonal:
      return "diagonal";
    case MapKind::kScale:
      return "scale";
    case MapKind::kOrthogonal:
      return "orthogonal";
    case MapKind::kRank:
      return fmt::format("rank:{}", choice.rank);
  }
  return "";
}

}  // namespace linscan
