#include "linscan/stats/logistic.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace linscan {
namespace {

constexpr double kSufficientDecrease = 1e-4;
constexpr int kMaxHalvings = 30;
constexpr int64_t kMaxConjugateSteps = 200;

// The function that is minimised, of parameters (K, C + 1) whose last column is the bias.
class Objective {
 public:
  Objective(at::Tensor features, const at::Tensor& labels, int64_t classes, double ridge)
      : x_(std::move(features)),
        targets_(at::one_hot(labels, classes).to(at::kDouble)),
        ridge_(at::full({x_.size(1)}, ridge, x_.options())) {
    ridge_[-1] = 0;  // the bias is free
  }

  // The value; probabilities at `w` are kept for gradient() and curvature().
  double evaluate(const at::Tensor& w) {
    const at::Tensor logs = at::log_softmax(at::matmul(x_, w.t()), 1);
    probabilities_ = logs.exp();
    return (-(targets_ * logs).sum() + 0.5 * (ridge_ * w * w).sum()).item<double>();
  }
  at::Tensor gradient(const at::Tensor& w) const {
    return at::matmul((probabilities_ - targets_).t(), x_) + ridge_ * w;
  }
  // The Hessian times v (K, C + 1).
  at::Tensor curvature(const at::Tensor& v) const {
    const at::Tensor weighted = probabilities_ * at::matmul(x_, v.t());
    const at::Tensor centered = weighted - probabilities_ * weighted.sum(1, /*keepdim=*/true);
    return at::matmul(centered.t(), x_) + ridge_ * v;
  }

 private:
  at::Tensor x_;        // (n, C + 1)
  at::Tensor targets_;  // (n, K)
  at::Tensor ridge_;    // (C + 1)
  at::Tensor probabilities_;
};

double product(const at::Tensor& a, const at::Tensor& b) {
  return (a * b).sum().item<double>();
}

// Solves H step = -gradient, the more exactly the smaller the gradient is (Nocedal and Wright,
// algorithm 7.1). H is positive semidefinite.
at::Tensor newton_step(const Objective& objective, const at::Tensor& gradient) {
  at::Tensor step = at::zeros_like(gradient);
  at::Tensor residual = gradient.clone();
  at::Tensor direction = -residual;
  double squared = product(residual, residual);
  const double norm = std::sqrt(squared);
  const double enough = std::min(0.5, std::sqrt(norm)) * norm;
  for (int64_t i = 0; i < kMaxConjugateSteps && std::sqrt(squared) > enough; ++i) {
    const at::Tensor curved = objective.curvature(direction);
    const double bend = product(direction, curved);
    if (!(bend > 0)) {
      break;  // flat: a constant may be added to all biases
    }
    const double length = squared / bend;
    step += length * direction;
    residual += length * curved;
    const double next = product(residual, residual);
    direction = -residual + (next / squared) * direction;
    squared = next;
  }
  return step;
}

}  // namespace

at::Tensor LogisticFit::predict(const at::Tensor& x) const {
  const at::Tensor standard = (x.to(at::kDouble) - mean) / deviation;
  return (at::matmul(standard, weight.t()) + bias).argmax(1);
}

LogisticFit fit_logistic(const at::Tensor& x,
                         const at::Tensor& labels,
                         int64_t classes,
                         const LogisticOptions& options) {
  TORCH_CHECK(x.dim() == 2 && labels.dim() == 1 && x.size(0) == labels.size(0) && x.size(0) > 0,
              "logistic regression of ",
              x.sizes(),
              " on ",
              labels.sizes());
  const at::Tensor rows = x.to(at::kDouble);
  LogisticFit fit;
  fit.mean = rows.mean(0);
  fit.deviation = (rows - fit.mean).square().mean(0).sqrt();
  fit.deviation = at::where(fit.deviation > 0, fit.deviation, at::ones_like(fit.deviation));
  const at::Tensor features =
      at::cat({(rows - fit.mean) / fit.deviation, at::ones({rows.size(0), 1}, rows.options())}, 1);
  Objective objective(features, labels, classes, options.ridge);
  at::Tensor w = at::zeros({classes, features.size(1)}, rows.options());
  double value = objective.evaluate(w);
  const double tolerance = options.tolerance * static_cast<double>(rows.size(0));
  while (fit.iterations < options.max_iterations) {
    const at::Tensor gradient = objective.gradient(w);
    fit.converged = gradient.abs().max().item<double>() <= tolerance;
    if (fit.converged) {
      break;
    }
    ++fit.iterations;
    const at::Tensor step = newton_step(objective, gradient);
    const double slope = product(step, gradient);
    double length = 1;
    double next = objective.evaluate(w + step);
    for (int i = 0; i < kMaxHalvings && !(next <= value + kSufficientDecrease * length * slope);
         ++i) {
      length /= 2;
      next = objective.evaluate(w + length * step);
    }
    w = w + length * step;
    value = next;
  }
  fit.weight = w.slice(1, 0, x.size(1)).contiguous();
  fit.bias = w.select(1, x.size(1)).contiguous();
  return fit;
}

}  // namespace linscan
