// One model's way through its blocks: batches in, final states at the scored rows out.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <future>
#include <span>
#include <string>
#include <vector>

#include "eval/request_batches.h"
#include "linscan/model/block.h"
#include "linscan/model/config.h"
#include "linscan/model/weights.h"

namespace linscan {

// Rows of a batch that are scored, and which predictions ask each of them.
struct ScoredRows {
  std::vector<int64_t> rows;         // ascending
  std::vector<int64_t> first_place;  // of row i: places [first_place[i], first_place[i + 1])
};

ScoredRows scored_rows(const RequestBatch& batch);

class DecoderPass {
 public:
  // config and loader must outlive this. memory_limit > 0; batch_rows 0: by device.
  DecoderPass(const DecoderConfig& config,
              const WeightLoader& loader,
              int64_t memory_limit,
              int64_t batch_rows);

  const DecoderConfig& config() const { return config_; }
  int64_t batch_rows() const { return batch_rows_; }

  // Decides what stays in memory for these batches, with this share of the limit. False: not even
  // one batch at a time fits, needs() says what would.
  bool plan(std::span<const RequestBatch> batches, int64_t passes);
  int64_t round_rows() const { return round_rows_; }
  // Rows whose logits are made at once.
  int64_t logit_rows() const;
  std::string needs() const;

  // The states after the final norm at the scored rows of each batch of a round, (U, C) fp32 on the
  // device. `progress` is called after every block.
  std::vector<at::Tensor> run(std::span<const RequestBatch> round,
                              const std::function<void()>& progress);
  // states  (U, C) of run() -> (U, V) fp32.
  at::Tensor logits(const at::Tensor& states) const;

 private:
  std::vector<at::Tensor> embed(std::span<const RequestBatch> round);
  const BlockWeights& weights(int64_t block);
  void prefetch(int64_t block);

  const DecoderConfig& config_;
  const WeightLoader& loader_;
  PositionCache positions_;
  int64_t limit_;
  int64_t batch_rows_;
  int64_t round_rows_ = 0;
  int64_t needed_ = 0;
  bool keep_blocks_ = false;
  std::vector<BlockWeights> kept_;  // the first blocks, as many as were loaded
  int64_t checked_ = 0;             // blocks whose weights are known to be finite
  BlockWeights passing_;
  std::future<void> next_;
  EmbeddingWeights embedding_;  // these three are loaded together
  Norm final_norm_;
  HeadWeights head_;
};

}  // namespace linscan
