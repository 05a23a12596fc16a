// Linear layers of the forward pass.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "linscan/model/config.h"
#include "linscan/model/weights.h"

namespace linscan {

// The same layer with its weight in the blocked layout that oneDNN multiplies fastest, for
// inference; unchanged on a GPU and where this libtorch or CPU does not have it.
Linear pack(Linear linear);

// x  (N, in), dtype of the weight -> (N, out), with the activation applied where one is given.
at::Tensor apply_linear(const Linear& linear,
                        const at::Tensor& x,
                        std::optional<Activation> activation = std::nullopt);

}  // namespace linscan
