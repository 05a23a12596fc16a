#include "model/linear.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <string_view>
#include <utility>

#include "linscan/base/log.h"

namespace linscan {
namespace {

// Operators that libtorch uses for its own compiled graphs: the layout is chosen once per weight,
// and bias and activation are applied while the result is still in registers.
using PackOperator = at::Tensor(const at::Tensor& weight, std::optional<int64_t> rows);
using LinearOperator = at::Tensor(const at::Tensor& x,
                                  const at::Tensor& weight,
                                  const std::optional<at::Tensor>& bias,
                                  std::string_view activation,
                                  c10::List<std::optional<at::Scalar>> scalars,
                                  std::optional<std::string_view> algorithm);

// Rows for which the layout is chosen; others run with it as well.
constexpr int64_t kTypicalRows = 2048;

template <typename Signature>
c10::TypedOperatorHandle<Signature> find_operator(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

at::Tensor pack_weight(const at::Tensor& weight) {
  static const auto op = find_operator<PackOperator>("mkldnn::_reorder_linear_weight");
  return op.call(weight, kTypicalRows);
}

struct FusedActivation {
  std::string_view name = "none";
  std::string_view algorithm;
};

at::Tensor packed_linear(const Linear& linear, const at::Tensor& x, FusedActivation fused) {
  static const auto op = find_operator<LinearOperator>("mkldnn::_linear_pointwise");
  const auto bias = linear.bias.defined() ? std::optional(linear.bias) : std::nullopt;
  return op.call(
      x, linear.weight, bias, fused.name, c10::List<std::optional<at::Scalar>>(), fused.algorithm);
}

// Whether this build and CPU can, found out by doing it once.
bool try_packing(at::ScalarType type) {
  try {
    const at::Tensor weight = at::ones({8, 8}, type);
    const Linear linear{pack_weight(weight), {}};
    return packed_linear(linear, weight, {}).sum().item<double>() == 512;
  } catch (const c10::Error& error) {
    log::debug("no packed {} matmul: {}", at::toString(type), error.what_without_backtrace());
    return false;
  }
}

bool can_pack(const at::Tensor& weight) {
  static const bool fp32 = try_packing(at::kFloat);
  static const bool bf16 = try_packing(at::kBFloat16);
  const at::ScalarType type = weight.scalar_type();
  return weight.device().is_cpu() &&
         ((type == at::kFloat && fp32) || (type == at::kBFloat16 && bf16));
}

std::optional<FusedActivation> fused(std::optional<Activation> activation) {
  if (!activation) {
    return FusedActivation{};
  }
  switch (*activation) {
    case Activation::kGeluErf:
      return FusedActivation{"gelu", "none"};
    case Activation::kGeluTanh:
      return FusedActivation{"gelu", "tanh"};
    case Activation::kRelu:
      return FusedActivation{"relu", ""};
    case Activation::kSilu:
      return FusedActivation{"swish", ""};
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

Linear pack(Linear linear) {
  if (linear.weight.defined() && can_pack(linear.weight)) {
    linear.weight = pack_weight(linear.weight);
  }
  return linear;
}

at::Tensor apply_linear(const Linear& linear,
                        const at::Tensor& x,
                        std::optional<Activation> activation) {
  if (linear.weight.is_mkldnn()) {
    if (const std::optional<FusedActivation> both = fused(activation)) {
      return packed_linear(linear, x, *both);
    }
    return activate(*activation, packed_linear(linear, x, {}));
  }
  const at::Tensor y = at::linear(x, linear.weight, linear.bias);
  return activation ? activate(*activation, y) : y;
}

}  // namespace linscan
