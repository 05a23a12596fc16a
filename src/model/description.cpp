#include "linscan/model/description.h"

#include <nlohmann/json.hpp>

namespace linscan {
namespace {

std::string dtype_of_weights(const Model& model) {
  switch (model.weights.dtype()) {
    case DType::kF64:
      return "fp64";
    case DType::kF16:
      return "fp16";
    case DType::kBF16:
      return "bf16";
    default:
      return "fp32";
  }
}

}  // namespace

Json describe_model(const Model& model) {
  return {{"path", model.checkpoint.folder().string()},
          {"family", model.config.family},
          {"architecture", model.config.architecture},
          {"blocks", model.config.blocks()},
          {"hidden", model.config.hidden},
          {"parameters", model.weights.parameters()},
          {"dtype", dtype_of_weights(model)}};
}

bool stored_in_16_bits(const Model& model) {
  return item_size(model.weights.dtype()) == 2;
}

}  // namespace linscan
