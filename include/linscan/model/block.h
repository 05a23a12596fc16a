// The one forward pass of a block, an embedding and a head. Everything that differs between
// families is in DecoderConfig.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "linscan/model/config.h"
#include "linscan/model/weights.h"

namespace linscan {

// The windows of a batch. Their tokens are packed without padding: window w covers `lengths[w]`
// consecutive rows. A window may continue an earlier one, its prefix: then its tokens attend to
// those of the prefix (and of the prefix's own prefix, and so on) before their own, and their
// positions count on from there. What several windows have in common is computed once that way.
class BatchLayout {
 public:
  static constexpr int64_t kNoPrefix = -1;

  explicit BatchLayout(std::vector<int64_t> lengths);
  // prefixes[w]: a window before w, or kNoPrefix; as many as lengths.
  BatchLayout(std::vector<int64_t> lengths, const std::vector<int64_t>& prefixes);

  // Consecutive windows of one length behind prefixes of one length, which attention handles
  // together.
  struct Run {
    int64_t first_row;
    int64_t windows;
    int64_t length;
    int64_t prefix;   // tokens before each window
    at::Tensor keys;  // (windows (prefix + length)) int64, the rows that the windows attend to;
                      // undefined without prefix: their own
  };

  const std::vector<Run>& runs() const { return runs_; }
  const std::vector<int64_t>& lengths() const { return lengths_; }
  int64_t rows() const { return rows_; }
  bool has_prefixes() const { return has_prefixes_; }

  // The same with `keys` on `device`, where every block would have to copy them otherwise.
  BatchLayout to(at::Device device) const;

 private:
  std::vector<int64_t> lengths_;
  std::vector<Run> runs_;
  int64_t rows_ = 0;
  bool has_prefixes_ = false;
};

// Rotary tables, ALiBi and attention masks of one model on one device. Made once for the longest
// window so far; shorter ones use a part of them.
class PositionCache {
 public:
  PositionCache(const DecoderConfig& config, at::ScalarType compute_dtype, at::Device device);

  struct Rotary {
    at::Tensor cos;  // (T, R/2) compute dtype, R rotated features
    at::Tensor sin;
    bool interleaved = false;
  };
  // Tables of DecoderConfig::rotaries[index] for `length` tokens behind `prefix` others (HF
  // modeling_rope_utils.py). Where the frequencies depend on the length of the whole sequence
  // (see rotary_depends_on_length), that is taken to be prefix + length.
  Rotary rotary(int32_t index, int64_t prefix, int64_t length);

  // What is added to the scores of every key, (H, 1, T) fp32; undefined without ALiBi.
  at::Tensor alibi(int64_t length);

  // Which keys the queries of one chunk see. What a query sees depends on how far back a key is and
  // not on where the chunk lies, so one table serves all chunks of all windows.
  struct Mask {
    int64_t queries = 0;  // Q: per chunk; the last chunk may have fewer
    int64_t window = 0;   // keys a query sees, itself included; 0: all before it
    at::Tensor additive;  // (Q or more, most keys of a chunk or more), 0 or -inf; compute dtype, or
                          // fp32 where scores are capped or have ALiBi; undefined: one chunk that
                          // sees all keys up to each query's own
    int64_t own = 0;      // column of the chunk's first token

    // (end - begin, end - first_key): for queries [begin, end) and keys [first_key, end), counted
    // from the first token of the prefix.
    at::Tensor of_chunk(int64_t begin, int64_t end, int64_t first_key) const;
  };
  // For windows of `length` tokens behind `prefix` others.
  Mask mask(int64_t prefix, int64_t length, int64_t window);

 private:
  at::Tensor visible_keys(int64_t before, int64_t window);

  const DecoderConfig& config_;
  at::ScalarType dtype_;
  at::Device device_;
  std::map<std::pair<int32_t, int64_t>, Rotary> rotary_;  // by index and, where it matters, length
  at::Tensor alibi_;
  std::map<int64_t, at::Tensor> visible_;  // by window
};

// Whether a sequence of `length` tokens is rotated by other angles than its first tokens alone
// would be (dynamic and longrope scaling past the original context). Such sequences must not share
// prefixes.
bool rotary_depends_on_length(const DecoderConfig& config, int64_t length);

// Bytes that attention holds for the scores of one row of a batch on a CPU, at most: nothing where
// one kernel does everything, and the chunk's scores where they are capped or have ALiBi.
int64_t attention_score_bytes(const DecoderConfig& config);

// What a block did to its batch; all (N, C) fp32.
struct BlockOutput {
  at::Tensor attention;   // attn_out: added to the stream by the attention sublayer, after its norm
                          // and scale
  at::Tensor middle;      // the stream that the MLP sublayer reads: after attention (and after its
                          // norm, where norms are on the stream), or with parallel sublayers
                          // resid_pre, the same tensor
  at::Tensor mlp;         // mlp_out: added to the stream by the MLP sublayer
  at::Tensor resid_post;  // the stream after the block
  at::Tensor mlp_hidden;  // (N, F) compute dtype, what the MLP's down projection reads; undefined
                          // unless it was asked for, and where the block has no plain MLP
};

// x  (N, C) fp32, resid_pre of the block, on the weights' device. `block` selects window,
// attention scale and form. Matmuls run in the dtype of the weights, norms and the residual stream
// in fp32. A linear block's map counts as its attention.
BlockOutput forward_block(const DecoderConfig& config,
                          int64_t block,
                          const BlockWeights& weights,
                          const at::Tensor& x,
                          const BatchLayout& layout,
                          PositionCache& positions,
                          bool with_mlp_hidden = false);

// ids  (N) int64 on the host, packed as `layout` says. Returns resid_pre.0 (N, C) fp32 on `device`.
at::Tensor forward_embedding(const DecoderConfig& config,
                             const EmbeddingWeights& weights,
                             const at::Tensor& ids,
                             const BatchLayout& layout,
                             at::Device device);

// resid_post of the last block (N, C) fp32 -> the state after the final norm (N, C) fp32; the same
// tensor without one.
at::Tensor forward_final_norm(const DecoderConfig& config, const Norm& norm, const at::Tensor& x);

// The final-norm state (N, C) fp32 -> logits (N, V) fp32.
at::Tensor forward_head(const DecoderConfig& config,
                        const HeadWeights& weights,
                        const at::Tensor& normed);

// Norm of the config's kind over the last dimension of x (..., W) fp32; weights (W), or (H, W) for
// x (..., H, W).
at::Tensor apply_norm(const DecoderConfig& config, const Norm& norm, const at::Tensor& x);

}  // namespace linscan
