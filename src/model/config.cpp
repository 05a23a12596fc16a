#include "linscan/model/config.h"

namespace linscan {

std::string_view name(NormKind kind) {
  return kind == NormKind::kLayerNorm ? "LayerNorm" : "RMSNorm";
}

std::string_view name(Activation activation) {
  switch (activation) {
    case Activation::kGeluErf:
      return "gelu";
    case Activation::kGeluTanh:
      return "gelu (tanh)";
    case Activation::kQuickGelu:
      return "quick gelu";
    case Activation::kRelu:
      return "relu";
    case Activation::kSilu:
      return "silu";
  }
  return "";
}

std::string_view name(RopeScaling scaling) {
  switch (scaling) {
    case RopeScaling::kNone:
      return "none";
    case RopeScaling::kLinear:
      return "linear";
    case RopeScaling::kDynamic:
      return "dynamic";
    case RopeScaling::kLlama3:
      return "llama3";
  }
  return "";
}

}  // namespace linscan
