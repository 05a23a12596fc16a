#include "model/attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace linscan {
namespace {

// x  (B, T, heads, D). Rotates the first R features of every head pair by pair: (x1, x2) -> (x1 cos
// - x2 sin, x2 cos + x1 sin), a pair being features i and i + R/2, or 2i and 2i + 1 where
// interleaved.
at::Tensor rotate(const at::Tensor& x, const PositionCache::Rotary& tables) {
  const int64_t half = tables.cos.size(-1);
  const at::Tensor cos = tables.cos.unsqueeze(1);  // (T, 1, R/2)
  const at::Tensor sin = tables.sin.unsqueeze(1);
  const at::Tensor turned = x.slice(-1, 0, 2 * half);
  const int64_t within = tables.interleaved ? -1 : -2;  // the dimension that tells x1 from x2
  const at::Tensor pairs = turned.unflatten(
      -1, tables.interleaved ? at::IntArrayRef{half, 2} : at::IntArrayRef{2, half});
  const at::Tensor first = pairs.select(within, 0);
  const at::Tensor second = pairs.select(within, 1);
  const at::Tensor rotated =
      at::stack({first * cos - second * sin, second * cos + first * sin}, within).flatten(-2);
  return 2 * half == x.size(-1) ? rotated : at::cat({rotated, x.slice(-1, 2 * half)}, -1);
}

// Every key/value head serves H / K query heads. (B, T, K, D) -> (B, H, T, D)
at::Tensor repeat_heads(const at::Tensor& x, int64_t heads) {
  const int64_t kv_heads = x.size(2);
  at::Tensor by_head = x.transpose(1, 2);
  if (kv_heads == heads) {
    return by_head;
  }
  return by_head.unsqueeze(2)
      .expand({x.size(0), kv_heads, heads / kv_heads, x.size(1), x.size(3)})
      .reshape({x.size(0), heads, x.size(1), x.size(3)});
}

// What is added to the scores of a chunk of queries, broadcasting to (B, H, queries, keys); nothing
// where attention is plain causal.
std::optional<at::Tensor> chunk_bias(const PositionCache::Mask& mask,
                                     const at::Tensor& alibi,
                                     int64_t begin,
                                     int64_t end,
                                     int64_t first_key,
                                     at::ScalarType compute_dtype) {
  if (!mask.additive.defined()) {
    return std::nullopt;
  }
  const at::Tensor visible = mask.of_chunk(begin, end, first_key);
  if (!alibi.defined()) {
    return visible;
  }
  // A shift of all keys of a head changes nothing; small numbers near the queries keep their bits.
  const at::Tensor slope = alibi.slice(-1, first_key, end) - alibi.slice(-1, end - 1, end);
  const at::Tensor both = visible + slope;                // (H, queries, keys)
  return both.is_cuda() ? both.to(compute_dtype) : both;  // kernels there want one dtype
}

// HF eager_attention_forward of modeling_gemma2.py: scores are capped before the mask is added.
at::Tensor capped_attention(const at::Tensor& query,
                            const at::Tensor& key,
                            const at::Tensor& value,
                            const at::Tensor& bias,
                            double scale,
                            double cap) {
  const at::Tensor scores = at::matmul(query, key.transpose(-1, -2)).to(at::kFloat) * scale;
  const at::Tensor capped = at::tanh(scores / cap) * cap + bias;
  return at::matmul(at::softmax(capped, -1).to(value.scalar_type()), value);
}

// query, key, value  (B, H, T, D). A chunk of queries sees no key after its last query and none
// before its window, so half of the products of causal attention, and all outside a sliding window,
// are never made. Returns (B, T, H, D).
at::Tensor mix(const at::Tensor& query,
               const at::Tensor& key,
               const at::Tensor& value,
               const PositionCache::Mask& mask,
               const at::Tensor& alibi,
               double scale,
               double cap) {
  const int64_t length = query.size(2);
  std::vector<at::Tensor> chunks;
  for (int64_t begin = 0; begin < length; begin += mask.queries) {
    const int64_t end = std::min(begin + mask.queries, length);
    const int64_t first_key = mask.window == 0 ? 0 : std::max<int64_t>(0, begin - mask.window + 1);
    const std::optional<at::Tensor> bias =
        chunk_bias(mask, alibi, begin, end, first_key, query.scalar_type());
    const at::Tensor queries = query.slice(2, begin, end);
    const at::Tensor keys = key.slice(2, first_key, end);
    const at::Tensor values = value.slice(2, first_key, end);
    const at::Tensor mixed = cap > 0 ? capped_attention(queries, keys, values, *bias, scale, cap)
                                     : at::scaled_dot_product_attention(queries,
                                                                        keys,
                                                                        values,
                                                                        bias,
                                                                        /*dropout_p=*/0.0,
                                                                        /*is_causal=*/!bias,
                                                                        scale);
    chunks.push_back(mixed.transpose(1, 2));
  }
  return chunks.size() == 1 ? chunks.front() : at::cat(chunks, 1);
}

// x  (N, heads D) compute dtype, queries or keys of all heads.
at::Tensor norm_heads(const DecoderConfig& config, const Norm& norm, const at::Tensor& x) {
  const at::Tensor wide = x.to(at::kFloat);
  const at::Tensor normed =
      config.qk_norm == QkNorm::kWhole
          ? apply_norm(config, norm, wide)
          : apply_norm(config, norm, wide.unflatten(-1, {-1, config.head_size})).flatten(-2);
  return normed.to(x.scalar_type());
}

// Norm and clipping of queries, keys and values; qkv as attend() takes it.
at::Tensor prepare(const DecoderConfig& config, const BlockWeights& weights, at::Tensor qkv) {
  if (config.qk_norm != QkNorm::kNone) {
    const std::vector<at::Tensor> parts =
        qkv.split_with_sizes({config.query_size(), config.key_size(), config.key_size()}, -1);
    qkv = at::cat({norm_heads(config, weights.query_norm, parts[0]),
                   norm_heads(config, weights.key_norm, parts[1]),
                   parts[2]},
                  -1);
  }
  return config.qkv_clip > 0 ? qkv.clamp(-config.qkv_clip, config.qkv_clip) : qkv;
}

}  // namespace

at::Tensor attend(const DecoderConfig& config,
                  int64_t block,
                  const BlockWeights& weights,
                  const at::Tensor& qkv,
                  const BatchLayout& layout,
                  PositionCache& positions) {
  const BlockConfig& own = config.per_block[static_cast<size_t>(block)];
  const int64_t query_size = config.query_size();
  const int64_t key_size = config.key_size();
  const at::Tensor prepared = prepare(config, weights, qkv);
  std::vector<at::Tensor> outputs;
  for (const BatchLayout::Run& run : layout.runs()) {
    const int64_t rows = run.windows * run.length;
    const at::Tensor mine = prepared.narrow(0, run.first_row, rows);
    const auto split = [&](int64_t start, int64_t size, int64_t heads) {
      return mine.narrow(1, start, size)
          .unflatten(1, {heads, config.head_size})
          .unflatten(0, {run.windows, run.length});
    };
    at::Tensor query = split(0, query_size, config.heads);  // (B, T, H, D)
    at::Tensor key = split(query_size, key_size, config.kv_heads);
    const at::Tensor value = split(query_size + key_size, key_size, config.kv_heads);
    if (own.rotary != kNoRotary) {
      const PositionCache::Rotary& tables = positions.rotary(own.rotary, run.length);
      query = rotate(query, tables);
      key = rotate(key, tables);
    }
    const at::Tensor mixed = mix(query.transpose(1, 2),
                                 repeat_heads(key, config.heads),
                                 repeat_heads(value, config.heads),
                                 positions.mask(run.length, own.window),
                                 positions.alibi(run.length),
                                 own.attention_scale,
                                 config.attention_cap);
    outputs.push_back(mixed.reshape({rows, query_size}));
  }
  return outputs.size() == 1 ? outputs.front() : at::cat(outputs);
}

}  // namespace linscan
