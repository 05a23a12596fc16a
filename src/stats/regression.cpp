#include "linscan/stats/regression.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/base/random.h"
#include "linscan/stats/whitener.h"
#include "stats/centered_rows.h"
#include "stats/products.h"

namespace linscan {

// States are fp32: below this share of the largest eigenvalue (1e-5 of a deviation) lies their
// rounding, and what a map would make of it.
constexpr double kRoundingShare = 1e-10;

// The check of fast products: columns of random signs, and one piece of rows in so many.
constexpr int64_t kProbes = 4;
constexpr int64_t kProbedPieces = 4;
constexpr double kFastProductsCost = 1e-9;

namespace {

void check_finite(double sum) {
  LINSCAN_CHECK(std::isfinite(sum), kNumeric, "the states that a map is fitted to are not finite");
}

}  // namespace

// The second moments, about the mean where there is a bias, and the factor of what was last solved
// with.
struct RegressionInput::Equations {
  at::Tensor xx;      // (d, d)
  at::Tensor mean_x;  // (d); undefined without bias
  std::optional<Whitener> whitener;
  double ridge = 0;  // of the whitener

  // Of xx with the ridge, a share of the mean square of the features.
  const Whitener& whitener_for(double wanted) {
    if (!whitener || ridge != wanted) {
      ridge = wanted;
      at::Tensor penalised = xx;
      if (ridge > 0) {
        penalised = xx.clone();
        penalised.diagonal().add_(ridge * xx.diagonal().mean().item<double>());
      }
      whitener.emplace(penalised, kRoundingShare);
    }
    return *whitener;
  }
};

namespace {

// What one fit is solved from: of the input about its mean and its factor, and what links it to
// what is missing.
struct NormalEquations {
  const at::Tensor& xx;      // (d, d)
  const at::Tensor& xr;      // (d, C)
  const Whitener* whitener;  // of the full and rank-k maps
};

struct Solution {
  at::Tensor weight;  // D (d, C)
  int64_t rank = 0;   // directions of x that were used
  // Sum of squares of r that D explains, where the solution says so: with P S_xx P^T = I and
  // D = P^T P S_xr it is ||P S_xr||^2.
  std::optional<double> explained;
};

// D of any shape, or of rank K: reduced-rank regression, the full map projected on the directions
// of the output in which it explains most.
Solution fit_full(const NormalEquations& e, const MapChoice& choice) {
  const Whitener& whitener = *e.whitener;
  Solution solution;
  solution.rank = whitener.rank();
  const at::Tensor whitened = whitener.whiten(e.xr);  // (., C)
  if (choice.kind != MapKind::kRank || choice.rank >= whitened.size(1)) {
    solution.weight = whitener.unwhiten(whitened);
    if (choice.ridge == 0) {
      solution.explained = inner_product(whitened, whitened);
    }
    return solution;
  }
  const auto [values, vectors] = at::linalg_eigh(whitened.t().mm(whitened));  // ascending
  const at::Tensor kept = vectors.slice(1, vectors.size(1) - choice.rank);    // (C, K)
  solution.weight = whitener.unwhiten(whitened.mm(kept)).mm(kept.t());
  return solution;
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

Solution solve(const NormalEquations& e, const MapChoice& choice) {
  const int64_t rank = e.xx.size(0);
  switch (choice.kind) {
    case MapKind::kAffine:
    case MapKind::kRank:
      return fit_full(e, choice);
    case MapKind::kDiagonal:
      return {fit_diagonal(e), rank, std::nullopt};
    case MapKind::kScale:
      return {fit_scale(e), rank, std::nullopt};
    case MapKind::kOrthogonal:
      return {fit_orthogonal(e), rank, std::nullopt};
  }
  fail(ErrorKind::kInternal, "unknown kind of map");
}

}  // namespace

RegressionInput::RegressionInput(int64_t inputs, bool bias, at::Device device)
    : inputs_(inputs), bias_(bias), device_(device) {}

RegressionInput::~RegressionInput() = default;

int64_t RegressionInput::held_bytes(int64_t inputs) {
  // The matrix, and its factor, which stand beside a copy while they are made.
  return 3 * 8 * inputs * inputs;
}

void RegressionInput::add_centred(const at::Tensor& rows) {
  LINSCAN_CHECK(!complete(), kInternal, "rows for the inputs of a fit that are complete");
  if (!gram_.defined()) {
    const auto options = at::TensorOptions().dtype(at::kDouble).device(device_);
    gram_ = at::zeros({inputs_, inputs_}, options);
    sum_ = at::zeros({inputs_}, options);
  }
  n_ += rows.size(0);
  if (bias_) {
    sum_.add_(rows.sum(0));
  }
  add_gram_lower(gram_, rows);
}

RegressionInput::Equations& RegressionInput::equations() {
  if (complete()) {
    return *equations_;
  }
  LINSCAN_CHECK(n_ > 0, kInternal, "a fit without rows");
  auto equations = std::make_unique<Equations>();
  at::Tensor xx = std::exchange(gram_, {}).tril_();
  const at::Tensor about_shift = xx.diagonal().clone();
  xx.add_(xx.tril(-1).t());
  if (bias_) {
    xx.addr_(sum_, sum_, 1, -1.0 / static_cast<double>(n_));
    // A feature that is constant up to rounding has no variance.
    const at::Tensor constant = xx.diagonal() <= about_shift * 1e-13;
    xx.masked_fill_(constant.unsqueeze(0), 0).masked_fill_(constant.unsqueeze(1), 0);
    equations->mean_x = shift_ + sum_ / static_cast<double>(n_);
  }
  check_finite(xx.sum().item<double>());
  equations->xx = std::move(xx);
  equations_ = std::move(equations);
  return *equations_;
}

RegressionMoments::RegressionMoments(std::shared_ptr<RegressionInput> input,
                                     int64_t outputs,
                                     CrossProducts products)
    : input_(std::move(input)), fills_input_(!input_->complete()), products_(products) {
  const auto options = at::TensorOptions().dtype(at::kDouble).device(input_->device_);
  sum_r_ = at::zeros({outputs}, options);
  x_r_ = at::zeros({input_->inputs(), outputs}, options);
}

void RegressionMoments::add(const at::Tensor& x, const at::Tensor& r) {
  n_ += x.size(0);
  if (input_->bias() && !input_->shift_.defined()) {
    // As fp32 has them, so that centring in fp32 is about the same point.
    input_->shift_ = x.mean(0, /*keepdim=*/false, at::kDouble).to(at::kFloat).to(at::kDouble);
  }
  if (input_->bias() && !shift_r_.defined()) {
    shift_r_ = r.mean(0, /*keepdim=*/false, at::kDouble).to(at::kFloat).to(at::kDouble);
  }
  if (products_ == CrossProducts::kFast && x.is_cpu() && x.scalar_type() == at::kFloat &&
      r.scalar_type() == at::kFloat) {
    add_fast(x, r);
    return;
  }
  at::Tensor inputs = x.to(at::kDouble);
  at::Tensor missing = r.to(at::kDouble);
  if (input_->bias()) {
    inputs = inputs - input_->shift_;
    missing = missing - shift_r_;
    sum_r_.add_(missing.sum(0));
  }
  if (fills_input_) {
    input_->add_centred(inputs);
  }
  x_r_.addmm_(inputs.t(), missing);
  r_square_ += missing.square().sum().item<double>();
}

void RegressionMoments::add_fast(const at::Tensor& x, const at::Tensor& r) {
  const auto centred = [this](const at::Tensor& rows, const at::Tensor& shift) {
    return input_->bias() ? rows - shift.to(rows.scalar_type()) : rows;
  };
  const CenteredRows missing = centered_rows(r, shift_r_);
  const at::Tensor product = centred(x, input_->shift_).t().mm(missing.rows);
  x_r_.add_(product);
  r_square_ += missing.square;
  if (input_->bias()) {
    sum_r_.add_(missing.sum);
  }
  const bool probed = pieces_++ % kProbedPieces == 0;
  if (!fills_input_ && !probed) {
    return;
  }
  const at::Tensor exact = centred(x.to(at::kDouble), input_->shift_);
  if (fills_input_) {
    input_->add_centred(exact);
  }
  if (probed) {
    if (!probe_.defined()) {
      // Signs that no structure of the data follows; the same in every run.
      Random random(/*seed=*/0);
      probe_ = at::empty({r.size(1), kProbes}, at::kDouble);
      double* sign = probe_.mutable_data_ptr<double>();
      std::generate_n(sign, probe_.numel(), [&] { return random.below(2) == 0 ? -1.0 : 1.0; });
      probe_error_ = at::zeros({x.size(1), kProbes}, at::kDouble);
    }
    ++probed_pieces_;
    probe_error_.add_(product.to(at::kDouble).mm(probe_));
    probe_error_.sub_(exact.t().mm(centred(r.to(at::kDouble), shift_r_).mm(probe_)));
  }
}

bool RegressionMoments::fast_products_hold(const MapChoice& choice) const {
  if (pieces_ == 0) {
    return true;
  }
  RegressionInput::Equations& equations = input_->equations();
  if (!(equations.xx.diagonal().sum().item<double>() > 0)) {
    return true;
  }
  // With E the error of the products and P S_xx P^T = I, the fit leaves ||P E||^2 more than the
  // best one. For random signs V of k columns, ||P E V||^2 / k is that on average. Errors of
  // different pieces are taken to add up in the worst way.
  const double scale = static_cast<double>(pieces_) / static_cast<double>(probed_pieces_);
  const double cost =
      scale * scale *
      equations.whitener_for(choice.ridge).whiten(probe_error_).square().sum().item<double>() /
      kProbes;
  const double variance =
      r_square_ -
      (input_->bias() ? sum_r_.square().sum().item<double>() / static_cast<double>(n_) : 0.0);
  return cost <= kFastProductsCost * variance;
}

UpdateMap fit_update(const RegressionMoments& moments, const MapChoice& choice) {
  RegressionInput& input = *moments.input_;
  const int64_t n = moments.n();
  LINSCAN_CHECK(n == input.n(), kInternal, "{} rows of a target for {} of inputs", n, input.n());
  RegressionInput::Equations& equations = input.equations();
  const at::Tensor& xx = equations.xx;
  at::Tensor xr = moments.x_r_;
  double r_square = moments.r_square_;
  if (input.bias()) {
    const double weight = -1.0 / static_cast<double>(n);
    xr = at::addr(xr, input.sum_, moments.sum_r_, 1, weight);
    r_square += weight * moments.sum_r_.square().sum().item<double>();
  }
  check_finite(r_square);
  Solution solution{at::Tensor(), 0, 0.0};
  if (xx.diagonal().sum().item<double>() > 0) {
    const bool full = choice.kind == MapKind::kAffine || choice.kind == MapKind::kRank;
    const Whitener* whitener = full ? &equations.whitener_for(choice.ridge) : nullptr;
    solution = solve({xx, xr, whitener}, choice);
  } else {
    solution.weight = at::zeros_like(xr);  // nothing varies: no change is best
  }
  UpdateMap map;
  map.weight = solution.weight;
  map.rank = solution.rank;
  const double explained = solution.explained
                               ? *solution.explained
                               : 2 * inner_product(xr, map.weight) - quadratic_form(xx, map.weight);
  map.unexplained = r_square > 0 ? std::max(0.0, r_square - explained) / r_square : 0.0;
  if (input.bias()) {
    map.mean_missing = moments.shift_r_ + moments.sum_r_ / static_cast<double>(n);
    map.bias = map.mean_missing - map.weight.t().mv(equations.mean_x);
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
