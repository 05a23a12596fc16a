// Multinomial logistic regression with a ridge, in fp64. Needs libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace linscan {

// Scores of standardised features: ((x - mean) / deviation) weight^T + bias.
struct LogisticFit {
  at::Tensor mean;       // (C) fp64
  at::Tensor deviation;  // (C) fp64; 1 for a feature that is constant
  at::Tensor weight;     // (K, C) fp64
  at::Tensor bias;       // (K) fp64
  int64_t iterations = 0;
  bool converged = false;

  // Most likely class of each row: x (n, C), any dtype -> (n) int64.
  at::Tensor predict(const at::Tensor& x) const;
};

struct LogisticOptions {
  double ridge = 1;         // of ||W||^2 / 2 against the summed cross-entropy: scikit-learn's 1 / C
  double tolerance = 1e-6;  // largest entry of the gradient, divided by n
  int64_t max_iterations = 100;
};

// Minimises sum_i CE(W x_i + b, label_i) + ridge / 2 ||W||^2 over standardised features by Newton's
// method with conjugate gradients. x (n, C), any dtype and device; labels (n) int64 in [0,
// classes), the same device.
LogisticFit fit_logistic(const at::Tensor& x,
                         const at::Tensor& labels,
                         int64_t classes,
                         const LogisticOptions& options = {});

}  // namespace linscan
