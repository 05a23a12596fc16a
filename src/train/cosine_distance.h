// One minus the cosine of two states, as a loss.
#pragma once

#include <ATen/core/Tensor.h>

namespace linscan {

// The sum over rows of 1 - cos(a, b), a scalar that gradients flow through. a, b  (N, C) floating.
at::Tensor cosine_distance(const at::Tensor& a, const at::Tensor& b);

}  // namespace linscan
