// What the engine tells those who watch: one batch of tokens going through one block.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "linscan/model/block.h"

namespace linscan {

// All tensors on the compute device, fp32; N rows of the batch. A sink must not change or keep
// them.
struct BlockBatch {
  int64_t block;
  int64_t fold;       // every row of a batch belongs to one fold
  int64_t first_row;  // of the batch, in the order the engine stores tokens
  const BatchLayout& layout;
  const at::Tensor&
      first_tokens;  // (B) int64: rows of the batch that are the first token of their window
  const at::Tensor& resid_pre;   // (N, C)
  const at::Tensor& attn_out;    // (N, C); undefined where the block has no attention
  const at::Tensor& middle;      // (N, C): what the MLP sublayer reads, see BlockOutput
  const at::Tensor& mlp_out;     // (N, C); undefined where it has no MLP
  const at::Tensor& resid_post;  // (N, C)
  at::Tensor final_norm;         // (N, C), defined in the last block only
  at::Tensor logits;  // (N, V), defined in the last block and only when a sink wants them
};

class Sink {
 public:
  virtual ~Sink() = default;
  // The head is run only when some sink wants it.
  virtual bool wants_logits() const { return false; }
  virtual void observe(const BlockBatch& batch) = 0;
  // All batches of `block` have been seen.
  virtual void finish_block(int64_t block) = 0;
};

}  // namespace linscan
