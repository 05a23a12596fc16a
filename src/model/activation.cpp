#include "model/activation.h"

#include <ATen/ATen.h>

#include <optional>

namespace linscan {
namespace {

std::optional<FusedFunction> fused(Activation activation) {
  switch (activation) {
    case Activation::kGeluErf:
      return FusedFunction{"gelu", "none"};
    case Activation::kGeluTanh:
      return FusedFunction{"gelu", "tanh"};
    case Activation::kRelu:
      return FusedFunction{"relu", ""};
    case Activation::kSilu:
      return FusedFunction{"swish", ""};
    case Activation::kQuickGelu:
      break;
  }
  return std::nullopt;
}

at::Tensor activate(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::kGeluErf:
      return at::gelu(x);
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case Activation::kQuickGelu:
      return x * at::sigmoid(1.702 * x);
    case Activation::kRelu:
      return at::relu(x);
    case Activation::kSilu:
      return at::silu(x);
  }
  TORCH_CHECK(false, "unknown activation");
}

}  // namespace

at::Tensor apply_activated(const Linear& linear, const at::Tensor& x, Activation activation) {
  if (const std::optional<FusedFunction> both = fused(activation);
      both && linear.weight.is_mkldnn()) {
    return apply_linear(linear, x, *both);
  }
  return activate(activation, apply_linear(linear, x));
}

}  // namespace linscan
