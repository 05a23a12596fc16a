#include "model/attention.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace linscan {
namespace {

// x  (B, T, heads, D). Rotates the first R features of every head, as halves: (x1, x2) -> (x1 cos -
// x2 sin, x2 cos + x1 sin).
at::Tensor rotate(const at::Tensor& x, const PositionCache::Rotary& tables) {
  const int64_t half = tables.cos.size(-1);
  const at::Tensor cos = tables.cos.unsqueeze(1);  // (T, 1, R/2)
  const at::Tensor sin = tables.sin.unsqueeze(1);
  const at::Tensor first = x.slice(-1, 0, half);
  const at::Tensor second = x.slice(-1, half, 2 * half);
  std::vector<at::Tensor> parts = {first * cos - second * sin, second * cos + first * sin};
  if (2 * half < x.size(-1)) {
    parts.push_back(x.slice(-1, 2 * half));
  }
  return at::cat(parts, -1);
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

// query, key, value  (B, H, T, D). A chunk of queries sees no key after its last query and none
// before its window, so half of the products of causal attention, and all outside a sliding window,
// are never made. Returns (B, T, H, D).
at::Tensor mix(const at::Tensor& query,
               const at::Tensor& key,
               const at::Tensor& value,
               const PositionCache::Mask& mask,
               double scale) {
  const int64_t length = query.size(2);
  std::vector<at::Tensor> chunks;
  for (int64_t begin = 0; begin < length; begin += mask.queries) {
    const int64_t end = std::min(begin + mask.queries, length);
    const int64_t first_key = mask.window == 0 ? 0 : std::max<int64_t>(0, begin - mask.window + 1);
    const std::optional<at::Tensor> visible =
        mask.additive.defined() ? std::optional(mask.of_chunk(begin, end, first_key))
                                : std::nullopt;
    chunks.push_back(at::scaled_dot_product_attention(query.slice(2, begin, end),
                                                      key.slice(2, first_key, end),
                                                      value.slice(2, first_key, end),
                                                      visible,
                                                      /*dropout_p=*/0.0,
                                                      /*is_causal=*/!visible,
                                                      scale)
                         .transpose(1, 2));
  }
  return chunks.size() == 1 ? chunks.front() : at::cat(chunks, 1);
}

}  // namespace

at::Tensor attend(const DecoderConfig& config,
                  int64_t block,
                  const at::Tensor& qkv,
                  const BatchLayout& layout,
                  PositionCache& positions) {
  const BlockConfig& own = config.per_block[static_cast<size_t>(block)];
  const int64_t query_size = config.query_size();
  const int64_t key_size = config.key_size();
  std::vector<at::Tensor> outputs;
  for (const BatchLayout::Run& run : layout.runs()) {
    const int64_t rows = run.windows * run.length;
    const at::Tensor mine = qkv.narrow(0, run.first_row, rows);
    const auto split = [&](int64_t start, int64_t size, int64_t heads) {
      return mine.narrow(1, start, size)
          .unflatten(1, {heads, config.head_size})
          .unflatten(0, {run.windows, run.length});
    };
    at::Tensor query = split(0, query_size, config.heads);  // (B, T, H, D)
    at::Tensor key = split(query_size, key_size, config.kv_heads);
    const at::Tensor value = split(query_size + key_size, key_size, config.kv_heads);
    if (config.position == PositionKind::kRotary) {
      const PositionCache::Rotary& tables = positions.rotary(run.length);
      query = rotate(query, tables);
      key = rotate(key, tables);
    }
    const at::Tensor mixed = mix(query.transpose(1, 2),
                                 repeat_heads(key, config.heads),
                                 repeat_heads(value, config.heads),
                                 positions.mask(run.length, own.window),
                                 own.attention_scale);
    outputs.push_back(mixed.reshape({rows, query_size}));
  }
  return outputs.size() == 1 ? outputs.front() : at::cat(outputs);
}

}  // namespace linscan
