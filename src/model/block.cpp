#include "linscan/model/block.h"

#include <ATen/ATen.h>

#include <utility>

#include "model/activation.h"
#include "model/attention.h"

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
  const at::Tensor mixed = attend(config, block, qkv, layout, positions);
  return apply_linear(weights.output, mixed).to(at::kFloat);
}

at::Tensor mlp_sublayer(const DecoderConfig& config,
                        const BlockWeights& weights,
                        const at::Tensor& x) {
  const at::Tensor input = x.to(weights.up.weight.scalar_type());
  const bool gated = config.mlp_kind == MlpKind::kGated;
  at::Tensor hidden = apply_activated(gated ? weights.gate : weights.up, input, config.activation);
  if (gated) {
    hidden.mul_(apply_linear(weights.up, input));
  }
  return apply_linear(weights.down, hidden).to(at::kFloat);
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
  BlockOutput out;
  if (config.norm_placement == NormPlacement::kPost) {
    out.attention = attention_sublayer(config, block, weights, x, layout, positions);
    const at::Tensor middle = apply_norm(config, weights.attention_norm, x + out.attention);
    out.mlp = mlp_sublayer(config, weights, middle);
    out.resid_post = apply_norm(config, weights.mlp_norm, middle + out.mlp);
    return out;
  }
  const at::Tensor attention_input = apply_norm(config, weights.attention_norm, x);
  out.attention = attention_sublayer(config, block, weights, attention_input, layout, positions);
  const at::Tensor middle = x + out.attention;
  const bool parallel = config.residual == ResidualKind::kParallel;
  out.mlp =
      mlp_sublayer(config, weights, apply_norm(config, weights.mlp_norm, parallel ? x : middle));
  out.resid_post = middle + out.mlp;
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
  if (weights.positions.defined()) {
    std::vector<at::Tensor> rows;
    for (const BatchLayout::Run& run : layout.runs()) {
      rows.push_back(at::arange(config.position_offset, config.position_offset + run.length)
                         .repeat({run.windows}));
    }
    x = x + weights.positions.index_select(0, at::cat(rows)).to(device, at::kFloat);
  }
  return x;
}

at::Tensor forward_final_norm(const DecoderConfig& config, const Norm& norm, const at::Tensor& x) {
  return config.final_norm ? apply_norm(config, norm, x) : x;
}

at::Tensor forward_head(const HeadWeights& weights, const at::Tensor& normed) {
  at::Tensor x = normed.to(weights.head.weight.scalar_type());
  if (weights.projection.weight.defined()) {
    x = apply_linear(weights.projection, x);
  }
  return apply_linear(weights.head, x).to(at::kFloat);
}

}  // namespace linscan
