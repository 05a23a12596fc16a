// The first principal component of a matrix of second moments, without its whole spectrum.
#pragma once

#include <ATen/core/Tensor.h>

namespace linscan {

struct TopComponent {
  double variance = 0;   // the largest eigenvalue
  at::Tensor direction;  // (C) fp64, its unit eigenvector
};

// s  (C, C) fp64 symmetric positive semi-definite, not zero, any device. Deterministic. Costs a few
// dozen products with a vector where the component stands out, a full eigenvalue solve where it
// does not.
TopComponent top_component(const at::Tensor& s);

}  // namespace linscan
