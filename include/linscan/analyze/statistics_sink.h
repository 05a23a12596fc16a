// Turns the batches of a block into its scores: moments of every fold, displacement, sampled rows,
// first tokens.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "linscan/analyze/block_scores.h"
#include "linscan/analyze/pair_statistics.h"
#include "linscan/analyze/sink.h"
#include "linscan/base/task_pool.h"
#include "linscan/stats/geometry.h"
#include "linscan/stats/moments.h"

namespace linscan {

struct MetricChoice {
  bool linearity = false;
  bool baselines = false;
  bool geometry = false;
  bool sublayers = false;
  bool damage = false;  // by editing the model: not of the statistics
  bool tokens = false;
  bool probe = false;  // on labelled texts of its own: not of the statistics

  // Whether anything is taken from the states of the blocks.
  bool statistics() const { return linearity || baselines || geometry || sublayers || tokens; }
};

struct StatisticsOptions {
  MetricChoice metrics;
  int64_t folds = 1;
  int64_t blocks = 0;
  std::vector<int64_t> sampled_rows;  // storage rows for the intrinsic dimension, ascending
  TwoNnOptions two_nn;
  int workers = 1;  // scores that are solved at once
};

// Scores the pairs x -> y of the block that runs: from its input to its output, to the final-norm
// state of the last block, and across each sublayer.
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
  // Sets of states of the running block. Serial sublayers: the stream after attention is what the
  // MLP reads, and the MLP ends in the output. Parallel ones both read the input, and each one's
  // output is added to it alone.
  enum State : size_t { kInput, kOutput, kNormed, kAfterAttention, kAfterMlp, kStates };
  // Pairs of them.
  enum Pair : size_t { kBlock, kToNorm, kAttention, kMlp, kPairs };

  // The rows of one state in a batch, (N, C) fp32: `base`, or base + added, summed in fp64.
  struct Source {
    State state;
    at::Tensor base;
    at::Tensor added = {};
    bool known = false;  // the moments are there already, from the block before

    at::Tensor mean() const;                            // (C) fp64
    at::Tensor rows(int64_t begin, int64_t end) const;  // (end - begin, C) fp64
    at::Tensor select(const at::Tensor& index) const;   // (., C) fp32 or fp64
  };
  struct Link {
    Pair pair;
    State x, y;
  };

  // What of a batch is summed.
  struct Selection {
    std::vector<Source> sources;
    std::vector<Link> links;
  };
  Selection select(const BlockBatch& batch) const;
  static void add_sublayers(const BlockBatch& batch, Selection& selection);
  // The sums of what the first batch of a block selects.
  void start(const Selection& selection);
  void keep_rows(const BlockBatch& batch, const Source& source);
  // rows [begin, end) of the batch, of which `others` (N) bool are not first tokens; undefined:
  // all.
  void accumulate(const BlockBatch& batch,
                  const Selection& selection,
                  const at::Tensor& others,
                  int64_t begin,
                  int64_t end);

  const Link* find_link(Pair pair) const;
  BlockScores score(const Link& link, bool score_inputs);
  SublayerScores score_sublayer(Pair pair);
  std::vector<PairMoments> moments_of(const Link& link) const;  // of all tokens
  // Tasks that fill `scores` of one state; `state` and `sampled` must outlive them.
  void add_geometry_tasks(const StateMoments& state,
                          const std::vector<at::Tensor>& sampled,
                          GeometryScores& scores);
  // All but the scores without first tokens.
  FirstTokenScores describe_first_tokens(const Link& link, const StateMoments& all) const;

  StatisticsOptions options_;
  TaskPool pool_;
  std::array<StateStatistics, kStates> states_;
  std::array<PairStatistics, kPairs> pairs_;
  std::vector<Link> links_;  // of the running block
  std::vector<BlockScores> results_;
  std::optional<BlockScores> post_norm_;
  std::optional<GeometryScores> embedding_geometry_;
  double embedding_norm_ = 0;
};

}  // namespace linscan
