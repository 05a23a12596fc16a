// A linear layer and the activation after it.
#pragma once

#include <ATen/core/Tensor.h>

#include "linscan/base/linear.h"
#include "linscan/model/config.h"

namespace linscan {

// x  (N, in), dtype of the weight -> (N, out).
at::Tensor apply_activated(const Linear& linear, const at::Tensor& x, Activation activation);

}  // namespace linscan
