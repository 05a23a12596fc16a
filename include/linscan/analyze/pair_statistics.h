// What is summed of a block while its tokens pass: sets of token states, each once however many
// pairs share it, and the pairs x -> y that are scored.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "linscan/stats/displacement.h"
#include "linscan/stats/moments.h"

namespace linscan {

// One set of states: the stream before a block, after it, after its attention.
//
// Where first tokens are kept apart, the moments are those of all tokens but the first of their
// window: adding the few first ones afterwards is exact, taking them out again is not where they
// are huge.
struct StateStatistics {
  // Rows of one batch, (n, C) fp32 or fp64, not shifted.
  struct Kept {
    int64_t fold;
    at::Tensor rows;
  };

  at::Tensor shift;  // (C) fp64, near the mean of the states; undefined before their first batch
  std::vector<StateMoments> folds;  // one per fold
  std::vector<Kept> first;          // first tokens of the windows, in arrival order
  std::vector<at::Tensor> sampled;  // rows for the intrinsic dimension

  // mean  (C) fp64, of the first batch.
  void start(const at::Tensor& mean, int64_t fold_count);
};

// Rows of one state, (n, C) fp64: all of them, and shifted those that are not first tokens.
struct StateRows {
  StateRows(const at::Tensor& rows, const at::Tensor& shift, const at::Tensor& kept);

  at::Tensor all;
  at::Tensor shifted;
};

// What links two sets of states of the same tokens, x -> y, beyond their own moments.
struct PairStatistics {
  std::vector<at::Tensor> x_update;  // one per fold, and the next: see PairMoments
  std::vector<at::Tensor> update_square;
  Displacement all;
  Displacement rest;  // without first tokens

  // x is started already.
  void start(const StateStatistics& x);
  // Adds some rows of a batch. kept (.) int64: those that are not first tokens, undefined for all.
  void add(int64_t fold, const at::Tensor& kept, const StateRows& x, const StateRows& y);

  // What was accumulated, one per fold; the moments of x and y share their storage.
  std::vector<PairMoments> moments(const StateStatistics& x, const StateStatistics& y) const;
  // The same with the first tokens, as copies.
  std::vector<PairMoments> moments_with_first(const StateStatistics& x,
                                              const StateStatistics& y) const;
};

}  // namespace linscan
