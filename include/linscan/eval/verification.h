// A written model, opened again, against the one in memory.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>

#include "linscan/model/weights.h"
#include "linscan/text/windows.h"

namespace linscan {

struct Verification {
  int64_t tokens = 0;
  double largest_logit_difference = 0;
};

// Opens `folder` as any checkpoint and compares its logits on the first windows, at most 512
// tokens, with those of `model`. Throws Error(kInternal) where they differ by more than 2e-4 of the
// largest logit, and what open_model throws.
Verification verify_written(const EditedModel& model,
                            const std::filesystem::path& folder,
                            const TokenWindows& windows,
                            at::ScalarType compute_dtype,
                            at::Device device);

}  // namespace linscan
