// Turns the batches of a block into its scores: moments of every fold, displacement, sampled rows,
// first tokens.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "linscan/analyze/block_scores.h"
#include "linscan/analyze/sink.h"
#include "linscan/base/task_pool.h"
#include "linscan/stats/geometry.h"
#include "linscan/stats/moments.h"

namespace linscan {

struct MetricChoice {
  bool linearity = false;
  bool baselines = false;
  bool geometry = false;
  bool tokens = false;

  bool any() const { return linearity || baselines || geometry || tokens; }
};

struct StatisticsOptions {
  MetricChoice metrics;
  int64_t folds = 1;
  int64_t blocks = 0;
  std::vector<int64_t> sampled_rows;  // storage rows for the intrinsic dimension, ascending
  TwoNnOptions two_nn;
  int workers = 1;  // scores that are solved at once
};

// Scores x -> y for one target y of the block that runs: its own output, or the final-norm state of
// the last block.
class StatisticsSink final : public Sink {
 public:
  explicit StatisticsSink(StatisticsOptions options);

  void observe(const BlockBatch& batch) override;
  void finish_block(int64_t block) override;

  const std::vector<BlockScores>& blocks() const { return results_; }
  const std::optional<BlockScores>& post_norm() const { return post_norm_; }
  // Of resid_pre.0.
  const std::optional<GeometryScores>& embedding_geometry() const { return embedding_geometry_; }
  double embedding_norm() const { return embedding_norm_; }

 private:
  // First tokens of the windows of one fold; x and y (n, C) fp32, in arrival order.
  struct FirstTokens {
    int64_t fold;
    at::Tensor x;
    at::Tensor y;
  };

  // One target's accumulators. With the metric group "tokens" the moments are those of all tokens
  // but the first of their window: adding the few first ones afterwards is exact, taking them out
  // again is not where they are huge.
  struct Target {
    at::Tensor shift;  // (C) fp64, near the mean of the target; undefined before its first batch
    std::vector<StateMoments> states;  // of the target, one per fold
    std::vector<at::Tensor> x_update;  // one per fold, and the next: see PairMoments
    std::vector<at::Tensor> update_square;
    Displacement all;
    Displacement rest;  // without first tokens
    std::vector<FirstTokens> first;
    std::vector<at::Tensor> sampled;  // rows for the intrinsic dimension
  };

  void start_inputs(const BlockBatch& batch);
  // rest  rows of the batch that are not the first of their window, undefined without the group
  // "tokens"; x_rows  those rows, or all, of resid_pre: fp64 and shifted.
  void start_target(Target& target, const BlockBatch& batch, const at::Tensor& y);
  // Adds some rows of a batch. kept: those that are not first tokens, undefined for all; x (N, C)
  // fp64; x_rows (kept, C) fp64, shifted; y_fp32 (N, C).
  void accumulate(Target& target,
                  int64_t fold_index,
                  const at::Tensor& kept,
                  const at::Tensor& x,
                  const at::Tensor& x_rows,
                  const at::Tensor& y_fp32);
  at::Tensor sampled_of(const BlockBatch& batch, const at::Tensor& state) const;
  BlockScores score(Target& target, bool score_inputs);
  // Tasks that fill `scores` of one state; `state` and `sampled` must outlive them.
  void add_geometry_tasks(const StateMoments& state,
                          const std::vector<at::Tensor>& sampled,
                          GeometryScores& scores);
  // All but the scores without first tokens.
  FirstTokenScores describe_first_tokens(const Target& target, const StateMoments& all) const;
  // What was accumulated, one per fold.
  std::vector<PairMoments> pairs(const Target& target) const;
  std::vector<PairMoments> with_first_tokens(const std::vector<PairMoments>& rest,
                                             const Target& target) const;

  StatisticsOptions options_;
  TaskPool pool_;
  at::Tensor shift_x_;
  std::vector<StateMoments> inputs_;  // moments of resid_pre, of the same rows as Target::states;
                                      // from block 1 on those of the previous output
  bool inputs_known_ = false;
  std::vector<at::Tensor> sampled_inputs_;  // resid_pre.0 only
  Target output_;
  Target normed_;
  std::vector<BlockScores> results_;
  std::optional<BlockScores> post_norm_;
  std::optional<GeometryScores> embedding_geometry_;
  double embedding_norm_ = 0;
};

}  // namespace linscan
