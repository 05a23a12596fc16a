// Causal attention over packed windows.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "linscan/model/block.h"
#include "linscan/model/config.h"

namespace linscan {

// qkv  (N, HD + 2KD), compute dtype: queries, keys and values of every head side by side. `block`
// selects window, scale and rotary settings; of `weights` only the norms of queries and keys are
// used. Returns the heads' outputs side by side, (N, HD), compute dtype.
at::Tensor attend(const DecoderConfig& config,
                  int64_t block,
                  const BlockWeights& weights,
                  const at::Tensor& qkv,
                  const BatchLayout& layout,
                  PositionCache& positions);

}  // namespace linscan
