#include "io/quantization.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "io/json_events.h"
#include "linscan/base/error.h"

namespace linscan {
namespace {

// Methods, as config.json names them, whose weights transformers can turn back.
struct Reversible {
  std::string_view method;
  std::string_view how;  // the rest of a Python expression on a loaded model, or its argument
};
constexpr std::string_view kByCall = "by .dequantize() on the loaded model";
constexpr Reversible kReversible[] = {
    {"bitsandbytes", kByCall},
    {"higgs", kByCall},
    {"fp8", "by quantization_config=FineGrainedFP8Config(dequantize=True) when loading"},
    {"mxfp4", "by quantization_config=Mxfp4Config(dequantize=True) when loading"},
    {"compressed-tensors",
     "by quantization_config=CompressedTensorsConfig(dequantize=True) when loading"},
};

// Endings of tensor names that only quantized checkpoints have.
struct Mark {
  std::string_view ending;
  std::string_view method;
};
constexpr Mark kMarks[] = {
    {".qweight", "gptq or awq"},
    {".qzeros", "gptq or awq"},
    {".g_idx", "gptq"},
    {".SCB", "bitsandbytes"},
    {".absmax", "bitsandbytes"},
    {".quant_map", "bitsandbytes"},
    {".quant_state.bitsandbytes__nf4", "bitsandbytes"},
    {".quant_state.bitsandbytes__fp4", "bitsandbytes"},
    {"_scale_inv", "fp8"},
    {".weight_packed", "compressed-tensors"},
    {".weight_global_scale", "compressed-tensors"},
    {".weight_scale", "fp8, int8 or bitnet"},
    {".weight_scales", "eetq"},
    {".W_q", "hqq"},
    {".weight._data", "quanto"},
    {".weight._scale", "quanto"},
    {"_weight_qdata", "torchao"},
    {"_proj_blocks", "mxfp4"},
    {".codebooks", "aqlm"},
    {".centroids.weight", "vptq"},
};

[[noreturn]] void refuse(const std::filesystem::path& folder,
                         std::string_view method,
                         std::string_view evidence) {
  const auto* reversible = std::ranges::find(kReversible, method, &Reversible::method);
  fail_unsupported(
      "{}: the weights are quantized ({}, by {}), which is not read; use the model they were made "
      "from{}",
      folder.string(),
      show(method),
      evidence,
      reversible != std::end(kReversible)
          ? fmt::format(", or turn them back with transformers, {}, and save that", reversible->how)
          : "");
}

// "gptq", "awq", "fp8", ...: the method of a `quantization_config`.
std::string method_of(const Json& quantization) {
  if (quantization.is_object() && quantization.contains("quant_method") &&
      quantization["quant_method"].is_string()) {
    return quantization["quant_method"].get<std::string>();
  }
  if (quantization.is_object() &&
      (quantization.contains("load_in_4bit") || quantization.contains("load_in_8bit"))) {
    return "bitsandbytes";  // its older releases did not write quant_method
  }
  return "unnamed method";
}

bool is_integer(DType dtype) {
  return dtype == DType::kI64 || dtype == DType::kI32 || dtype == DType::kI16 ||
         dtype == DType::kI8 || dtype == DType::kU8;
}

}  // namespace

void refuse_quantized_config(const Json& config, const std::filesystem::path& folder) {
  // Multimodal checkpoints keep the decoder's settings in text_config.
  for (const Json* part :
       {&config, config.contains("text_config") ? &config["text_config"] : nullptr}) {
    for (const char* key : {"quantization_config", "compression_config"}) {
      if (part != nullptr && part->is_object() && part->contains(key) && !(*part)[key].is_null()) {
        refuse(folder, method_of((*part)[key]), fmt::format("{} in config.json", key));
      }
    }
  }
}

void refuse_quantized_tensors(std::span<const TensorView* const> tensors,
                              const std::filesystem::path& folder) {
  for (const TensorView* tensor : tensors) {
    const auto* mark = std::ranges::find_if(
        kMarks, [&](const Mark& row) { return tensor->name.ends_with(row.ending); });
    if (mark != std::end(kMarks)) {
      refuse(folder, mark->method, fmt::format("tensor {}", show(tensor->name)));
    }
    if (is_integer(tensor->dtype) && tensor->shape.size() >= 2 &&
        tensor->name.ends_with(".weight")) {
      refuse(folder,
             "unnamed method",
             fmt::format("tensor {} of {}", show(tensor->name), name(tensor->dtype)));
    }
  }
}

}  // namespace linscan
