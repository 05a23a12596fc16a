#include "linscan/model/block.h"

#include <ATen/ATen.h>

#include <utility>

#include "model/attention.h"
#include "model/mlp.h"

namespace linscan {
namespace {

// x  (N, C) fp32, already normed where the placement says so. Returns (N, C) fp32.
at::Tensor attention_sublayer(const DecoderConfig& config,
                              int64_t block,
                              const BlockWeights& weights,
                              const at::Tensor& x,
                              const BatchLayout& layout,
                              PositionCache& positions) {
  const at::Tensor qkv = apply_linear(weights.qkv, x.to(weights.qkv.weight.scalar_type()));
  const at::Tensor mixed = attend(config, block, weights, qkv, layout, positions);
  return apply_linear(weights.output, mixed).to(at::kFloat);
}

at::Tensor mlp_sublayer(const DecoderConfig& config,
                        const BlockWeights& weights,
                        const at::Tensor& x) {
  return weights.experts.router.defined() ? apply_experts(config, weights.experts, x)
                                          : apply_mlp(config, weights.mlp, x);
}

// What a sublayer adds to the stream: its output, normed and scaled as the config says.
at::Tensor addend(const DecoderConfig& config, const Norm& norm, const at::Tensor& output) {
  const at::Tensor normed = config.has_output_norms() ? apply_norm(config, norm, output) : output;
  return config.residual_scale == 1.0 ? normed : normed * config.residual_scale;
}

// Norms on the stream itself, after each sublayer.
BlockOutput forward_post_norm_block(const DecoderConfig& config,
                                    int64_t block,
                                    const BlockWeights& weights,
                                    const at::Tensor& x,
                                    const BatchLayout& layout,
                                    PositionCache& positions) {
  BlockOutput out;
  out.attention = attention_sublayer(config, block, weights, x, layout, positions);
  out.middle = apply_norm(config, weights.attention_norm, x + out.attention);
  out.mlp = mlp_sublayer(config, weights, out.middle);
  out.resid_post = apply_norm(config, weights.mlp_norm, out.middle + out.mlp);
  return out;
}

at::Tensor cap(const at::Tensor& x, double limit) {
  return limit > 0 ? at::tanh(x / limit) * limit : x;
}

}  // namespace

BatchLayout::BatchLayout(std::vector<int64_t> lengths) : lengths_(std::move(lengths)) {
  for (const int64_t length : lengths_) {
    if (runs_.empty() || runs_.back().length != length) {
      runs_.push_back({rows_, 0, length});
    }
    ++runs_.back().windows;
    rows_ += length;
  }
}

at::Tensor apply_norm(const DecoderConfig& config, const Norm& norm, const at::Tensor& x) {
  const int64_t width = x.size(-1);
  if (norm.weight.defined() && norm.weight.dim() == 2) {
    return apply_norm(config, {}, x) * norm.weight;
  }
  const auto weight = norm.weight.defined() ? std::optional(norm.weight) : std::nullopt;
  if (config.norm == NormKind::kRmsNorm) {
    return at::rms_norm(x, {width}, weight, config.norm_eps);
  }
  const auto bias = norm.bias.defined() ? std::optional(norm.bias) : std::nullopt;
  return at::layer_norm(x, {width}, weight, bias, config.norm_eps);
}

BlockOutput forward_block(const DecoderConfig& config,
                          int64_t block,
                          const BlockWeights& weights,
                          const at::Tensor& x,
                          const BatchLayout& layout,
                          PositionCache& positions) {
  if (config.norm_placement == NormPlacement::kPost) {
    return forward_post_norm_block(config, block, weights, x, layout, positions);
  }
  const auto input = [&](const Norm& norm, const at::Tensor& stream) {
    return config.has_input_norms() ? apply_norm(config, norm, stream) : stream;
  };
  BlockOutput out;
  const at::Tensor attention_input = input(weights.attention_norm, x);
  out.attention =
      addend(config,
             weights.attention_output_norm,
             attention_sublayer(config, block, weights, attention_input, layout, positions));
  const at::Tensor after_attention = x + out.attention;
  out.middle = config.residual == ResidualKind::kSerial ? after_attention : x;
  const at::Tensor mlp_input = config.residual == ResidualKind::kParallelOneNorm
                                   ? attention_input
                                   : input(weights.mlp_norm, out.middle);
  out.mlp = addend(config, weights.mlp_output_norm, mlp_sublayer(config, weights, mlp_input));
  out.resid_post = after_attention + out.mlp;
  return out;
}

at::Tensor forward_embedding(const DecoderConfig& config,
                             const EmbeddingWeights& weights,
                             const at::Tensor& ids,
                             const BatchLayout& layout,
                             at::Device device) {
  at::Tensor x = weights.tokens.index_select(0, ids).to(device, at::kFloat);  // (N, E)
  if (weights.projection.defined()) {
    x = at::linear(x, weights.projection);  // (N, C)
  }
  if (config.embedding_scale != 1.0) {
    x = x * static_cast<float>(config.embedding_scale);
  }
  if (weights.positions.defined()) {
    std::vector<at::Tensor> rows;
    for (const BatchLayout::Run& run : layout.runs()) {
      rows.push_back(at::arange(config.position_offset, config.position_offset + run.length)
                         .repeat({run.windows}));
    }
    x = x + weights.positions.index_select(0, at::cat(rows)).to(device, at::kFloat);
  }
  return config.embedding_norm ? apply_norm(config, weights.norm, x) : x;
}

at::Tensor forward_final_norm(const DecoderConfig& config, const Norm& norm, const at::Tensor& x) {
  return config.final_norm ? apply_norm(config, norm, x) : x;
}

at::Tensor forward_head(const DecoderConfig& config,
                        const HeadWeights& weights,
                        const at::Tensor& normed) {
  at::Tensor x = normed.to(weights.head.weight.scalar_type());
  if (weights.projection.weight.defined()) {
    x = apply_linear(weights.projection, x);
  }
  const at::Tensor logits = apply_linear(weights.head, x).to(at::kFloat);
  return cap(config.logit_scale == 1.0 ? logits : logits * config.logit_scale, config.logit_cap);
}

}  // namespace linscan
