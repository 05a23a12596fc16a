#include "linscan/base/linear.h"

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
                                  std::string_view function,
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

at::Tensor packed_linear(const Linear& linear, const at::Tensor& x, FusedFunction fused) {
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

}  // namespace

Linear pack(Linear linear) {
  if (linear.weight.defined() && can_pack(linear.weight)) {
    linear.weight = pack_weight(linear.weight);
  }
  return linear;
}

at::Tensor apply_linear(const Linear& linear, const at::Tensor& x, FusedFunction fused) {
  if (linear.weight.is_mkldnn()) {
    return packed_linear(linear, x, fused);
  }
  TORCH_CHECK(fused.name == "none", "only packed layers have functions fused to them");
  return at::linear(x, linear.weight, linear.bias);
}

}  // namespace linscan
