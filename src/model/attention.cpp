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
    // Kernels there read it in steps of 16 bytes: a part of the table may begin between them.
    return visible.is_cuda() ? visible.clone(at::MemoryFormat::Contiguous) : visible;
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

// query  (B, H, T, D); key, value  (B, H, P + T, D), those of the prefix first. A chunk of queries
// sees no key after its last query and none before its window, so half of the products of causal
// attention, and all outside a sliding window, are never made. Returns (B, T, H, D).
at::Tensor mix(const at::Tensor& query,
               const at::Tensor& key,
               const at::Tensor& value,
               const PositionCache::Mask& mask,
               const at::Tensor& alibi,
               double scale,
               double cap) {
  const int64_t length = key.size(2);
  const int64_t prefix = length - query.size(2);
  std::vector<at::Tensor> chunks;
  for (int64_t begin = prefix; begin < length; begin += mask.queries) {
    const int64_t end = std::min(begin + mask.queries, length);
    const int64_t first_key = mask.window == 0 ? 0 : std::max<int64_t>(0, begin - mask.window + 1);
    const std::optional<at::Tensor> bias =
        chunk_bias(mask, alibi, begin, end, first_key, query.scalar_type());
    const at::Tensor queries = query.slice(2, begin - prefix, end - prefix);
    const at::Tensor keys = key.slice(2, first_key, end);
    const at::Tensor values = value.slice(2, first_key, end);
    const at::Tensor mixed =
        cap > 0 ? capped_attention(queries, keys, values, *bias, scale, cap)
                : at::scaled_dot_product_attention(queries,
                                                   keys,
                                                   values,
                                                   bias,
                                                   /*dropout_p=*/0.0,
                                                   /*is_causal=*/!bias && prefix == 0,
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

// The queries, keys and values of a batch by head: heads [first, first + heads) of the fused rows.
struct Part {
  int64_t first;
  int64_t heads;
};

// qkv  as attend() takes it. One part of the rows of a run, (B, T, heads, D).
at::Tensor part_of_run(const DecoderConfig& config,
                       const at::Tensor& qkv,
                       const BatchLayout::Run& run,
                       Part part) {
  return qkv.narrow(0, run.first_row, run.windows * run.length)
      .narrow(1, part.first * config.head_size, part.heads * config.head_size)
      .unflatten(1, {part.heads, config.head_size})
      .unflatten(0, {run.windows, run.length});
}

at::Tensor rotated_part(const DecoderConfig& config,
                        const BlockConfig& block,
                        const at::Tensor& qkv,
                        const BatchLayout::Run& run,
                        Part part,
                        PositionCache& positions) {
  const at::Tensor x = part_of_run(config, qkv, run, part);
  return block.rotary == kNoRotary
             ? x
             : rotate(x, positions.rotary(block.rotary, run.prefix, run.length));
}

// Keys and values that the windows of a run attend to, (B, P + T, K, D) each.
struct Keys {
  at::Tensor key;
  at::Tensor value;
};

Keys gather_keys(const BatchLayout::Run& run, const at::Tensor& keys, const at::Tensor& values) {
  const at::Tensor rows = run.keys.to(keys.device());
  const auto gather = [&](const at::Tensor& all) {
    return all.index_select(0, rows).unflatten(0, {run.windows, run.prefix + run.length});
  };
  return {gather(keys), gather(values)};
}

}  // namespace

at::Tensor attend(const DecoderConfig& config,
                  int64_t block,
                  const BlockWeights& weights,
                  const at::Tensor& qkv,
                  const BatchLayout& layout,
                  PositionCache& positions) {
  const BlockConfig& own = config.per_block[static_cast<size_t>(block)];
  const Part query_part{0, config.heads};
  const Part key_part{config.heads, config.kv_heads};
  const Part value_part{config.heads + config.kv_heads, config.kv_heads};
  const at::Tensor prepared = prepare(config, weights, qkv);
  // Keys and values of all rows, (N, K, D), where windows attend to the rows of others.
  at::Tensor all_keys;
  at::Tensor all_values;
  if (layout.has_prefixes()) {
    std::vector<at::Tensor> keys;
    for (const BatchLayout::Run& run : layout.runs()) {
      keys.push_back(rotated_part(config, own, prepared, run, key_part, positions).flatten(0, 1));
    }
    all_keys = at::cat(keys);
    all_values = prepared.narrow(1, config.query_size() + config.key_size(), config.key_size())
                     .unflatten(1, {config.kv_heads, config.head_size});
  }
  std::vector<at::Tensor> outputs;
  for (const BatchLayout::Run& run : layout.runs()) {
    const at::Tensor query = rotated_part(config, own, prepared, run, query_part, positions);
    const Keys seen = run.prefix > 0
                          ? gather_keys(run, all_keys, all_values)
                          : Keys{rotated_part(config, own, prepared, run, key_part, positions),
                                 part_of_run(config, prepared, run, value_part)};
    const at::Tensor mixed = mix(query.transpose(1, 2),
                                 repeat_heads(seen.key, config.heads),
                                 repeat_heads(seen.value, config.heads),
                                 positions.mask(run.prefix, run.length, own.window),
                                 positions.alibi(run.prefix + run.length),
                                 own.attention_scale,
                                 config.attention_cap);
    outputs.push_back(mixed.reshape({run.windows * run.length, config.query_size()}));
  }
  return outputs.size() == 1 ? outputs.front() : at::cat(outputs);
}

}  // namespace linscan
