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

// hidden: see apply_mlp.
at::Tensor mlp_sublayer(const DecoderConfig& config,
                        const BlockWeights& weights,
                        const at::Tensor& x,
                        at::Tensor* hidden) {
  return weights.experts.router.defined() ? apply_experts(config, weights.experts, x)
                                          : apply_mlp(config, weights.mlp, x, hidden);
}

at::Tensor apply_map(const Linear& map, const at::Tensor& x) {
  return apply_linear(map, x.to(map.weight.scalar_type())).to(at::kFloat);
}

// What a sublayer adds to the stream: its output, normed and scaled as the config says.
at::Tensor addend(const DecoderConfig& config, const Norm& norm, const at::Tensor& output) {
  const at::Tensor normed = config.has_output_norms() ? apply_norm(config, norm, output) : output;
  return config.residual_scale == 1.0 ? normed : normed * config.residual_scale;
}

// What the attention sublayer adds to the stream. input  (N, C) fp32, what it reads.
at::Tensor attention_addend(const DecoderConfig& config,
                            int64_t block,
                            const BlockWeights& weights,
                            const at::Tensor& input,
                            const BatchLayout& layout,
                            PositionCache& positions) {
  switch (config.per_block[static_cast<size_t>(block)].form) {
    case BlockForm::kNoAttention:
      return at::zeros_like(input);
    case BlockForm::kLinearAttention:
      return apply_map(weights.map, input);
    default:
      return addend(config,
                    weights.attention_output_norm,
                    attention_sublayer(config, block, weights, input, layout, positions));
  }
}

// Norms on the stream itself, after each sublayer.
BlockOutput forward_post_norm_block(const DecoderConfig& config,
                                    int64_t block,
                                    const BlockWeights& weights,
                                    const at::Tensor& x,
                                    const BatchLayout& layout,
                                    PositionCache& positions,
                                    at::Tensor* mlp_hidden) {
  BlockOutput out;
  out.attention = attention_addend(config, block, weights, x, layout, positions);
  out.middle = apply_norm(config, weights.attention_norm, x + out.attention);
  out.mlp = mlp_sublayer(config, weights, out.middle, mlp_hidden);
  out.resid_post = apply_norm(config, weights.mlp_norm, out.middle + out.mlp);
  return out;
}

// A map in place of the whole block.
BlockOutput forward_linear_block(const DecoderConfig& config,
                                 const BlockWeights& weights,
                                 const at::Tensor& x,
                                 bool normed) {
  BlockOutput out;
  out.attention =
      apply_map(weights.map, normed ? apply_norm(config, weights.attention_norm, x) : x);
  out.mlp = at::zeros_like(x);
  out.middle = out.resid_post = x + out.attention;
  return out;
}

at::Tensor cap(const at::Tensor& x, double limit) {
  return limit > 0 ? at::tanh(x / limit) * limit : x;
}

}  // namespace

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
                          PositionCache& positions,
                          bool with_mlp_hidden) {
  const BlockConfig& own = config.per_block[static_cast<size_t>(block)];
  if (!own.has_mlp()) {
    return forward_linear_block(config, weights, x, own.form == BlockForm::kNormedLinear);
  }
  at::Tensor hidden;
  at::Tensor* mlp_hidden = with_mlp_hidden ? &hidden : nullptr;
  if (config.norm_placement == NormPlacement::kPost) {
    BlockOutput out =
        forward_post_norm_block(config, block, weights, x, layout, positions, mlp_hidden);
    out.mlp_hidden = hidden;
    return out;
  }
  const auto input = [&](const Norm& norm, const at::Tensor& stream) {
    return config.has_input_norms() ? apply_norm(config, norm, stream) : stream;
  };
  BlockOutput out;
  const at::Tensor attention_input =
      form_has(config, own, Slot::kAttentionNormWeight) ? input(weights.attention_norm, x) : x;
  out.attention = attention_addend(config, block, weights, attention_input, layout, positions);
  const at::Tensor after_attention = x + out.attention;
  out.middle = config.residual == ResidualKind::kSerial ? after_attention : x;
  const at::Tensor mlp_input = config.residual == ResidualKind::kParallelOneNorm
                                   ? attention_input
                                   : input(weights.mlp_norm, out.middle);
  out.mlp =
      addend(config, weights.mlp_output_norm, mlp_sublayer(config, weights, mlp_input, mlp_hidden));
  out.resid_post = after_attention + out.mlp;
  out.mlp_hidden = hidden;
  return out;
}

at::Tensor forward_embedding(const DecoderConfig& config,
                             const EmbeddingWeights& weights,
                             const at::Tensor& ids,
                             const BatchLayout& layout,
                             at::Device device) {
  // at::embedding, whose gradient does not depend on the order of additions.
  at::Tensor x = at::embedding(weights.tokens, ids.to(weights.tokens.device()))
                     .to(device, at::kFloat);  // (N, E)
  if (weights.projection.defined()) {
    x = at::linear(x, weights.projection);  // (N, C)
  }
  if (config.embedding_scale != 1.0) {
    x = x * static_cast<float>(config.embedding_scale);
  }
  if (weights.positions.defined()) {
    std::vector<at::Tensor> rows;
    for (const BatchLayout::Run& run : layout.runs()) {
      const int64_t first = config.position_offset + run.prefix;
      rows.push_back(at::arange(first, first + run.length).repeat({run.windows}));
    }
    const at::Tensor places = at::cat(rows).to(weights.positions.device());
    x = x + at::embedding(weights.positions, places).to(device, at::kFloat);
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
