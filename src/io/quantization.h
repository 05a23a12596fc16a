// Quantized checkpoints are recognised and refused by name, with what to do instead.
#pragma once

#include <filesystem>
#include <span>

#include "linscan/base/json.h"
#include "linscan/io/weights_file.h"

namespace linscan {

// Throws Error(kUnsupported) when config.json says that the weights are quantized.
void refuse_quantized_config(const Json& config, const std::filesystem::path& folder);

// The same by names and types of tensors, for a config.json that lost its quantization_config.
void refuse_quantized_tensors(std::span<const TensorView* const> tensors,
                              const std::filesystem::path& folder);

}  // namespace linscan
