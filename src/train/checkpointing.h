// Activations that are made again in the backward pass instead of being kept.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace linscan {

// y = f(x), keeping only x until the backward pass, which runs f again (Chen et al. 2016). Leaves
// that f reads get their gradients then. f must give the same result both times.
at::Tensor checkpointed(const std::function<at::Tensor(const at::Tensor&)>& f, const at::Tensor& x);

}  // namespace linscan
