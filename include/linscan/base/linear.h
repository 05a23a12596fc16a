// x W^T + b as fast as this machine can. Needs libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <string_view>

namespace linscan {

// y = x W^T + b. weight (out, in); packed on a CPU it is in a layout of oneDNN's own (is_mkldnn()),
// which only apply_linear and sizes() understand. bias (out) or undefined, dtype of the weight.
struct Linear {
  at::Tensor weight;
  at::Tensor bias;
};

// The same layer with its weight copied into the blocked layout that oneDNN multiplies fastest, for
// inference; unchanged on a GPU and where this libtorch or CPU does not have it.
Linear pack(Linear linear);

// A function of oneDNN's that is applied while the result is still in registers: its name there,
// and the algorithm where it has several. Packed layers only.
struct FusedFunction {
  std::string_view name = "none";
  std::string_view algorithm;
};

// x  (N, in), dtype of the weight -> (N, out).
at::Tensor apply_linear(const Linear& linear, const at::Tensor& x, FusedFunction fused = {});

}  // namespace linscan
