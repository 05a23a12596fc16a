// The MLP of a block, plain, gated or of experts.
#pragma once

#include <ATen/core/Tensor.h>

#include "linscan/model/config.h"
#include "linscan/model/weights.h"

namespace linscan {

// x  (N, C) fp32 or compute dtype. Returns (N, C) fp32; `hidden`, where given, is set to what the
// down projection reads, (N, F) compute dtype.
at::Tensor apply_mlp(const DecoderConfig& config,
                     const MlpWeights& weights,
                     const at::Tensor& x,
                     at::Tensor* hidden = nullptr);

// Every token goes through the experts that its router scores highest; their outputs are summed by
// weight (HF modeling_mixtral.py, modeling_qwen2_moe.py). Routing in fp32, so that it does not
// depend on the compute dtype beyond its input. x  (N, C) fp32. Returns (N, C) fp32.
at::Tensor apply_experts(const DecoderConfig& config,
                         const ExpertsWeights& weights,
                         const at::Tensor& x);

}  // namespace linscan
