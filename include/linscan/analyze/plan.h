// What a run will take before it starts: memory, reads, and whether the residual stream fits.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>

#include "linscan/analyze/schedule.h"
#include "linscan/base/json.h"
#include "linscan/model/model.h"

namespace linscan {

struct PlanRequest {
  at::ScalarType compute_dtype;
  int64_t memory_limit;  // bytes
  bool pair_statistics;  // moments of every block are taken
  bool sublayers;        // and of attention and MLP
  bool first_tokens;     // their rows are kept too
  int64_t sampled_rows;  // kept for the intrinsic dimension
  bool logits;           // the head is run
  int workers = 1;       // scores that may be solved at once; fewer where memory is short
};

struct MemoryPlan {
  int64_t tokens = 0;
  int64_t batch_rows = 0;
  bool spill = false;
  int workers = 1;
  // Bytes.
  int64_t runtime = 0;     // this process before the run (libtorch, the tokens), and its libraries'
                           // buffers
  int64_t weights = 0;     // the block that runs and the one that is read ahead
  int64_t stream = 0;      // residual stream of all tokens, in memory or in a file
  int64_t statistics = 0;  // moments of one block
  int64_t batch = 0;       // activations of one batch
  int64_t next = 0;        // of the weights: the block that is read ahead
  int64_t solving = 0;     // temporaries of the scores, when the block has run
  int64_t limit = 0;
  int64_t reads = 0;  // weight bytes read from disk, each once

  // A block runs, or it is scored.
  int64_t total() const {
    return runtime + (spill ? 0 : stream) + statistics + std::max(weights + batch, next + solving);
  }
  Json to_json() const;
};

// Chooses batch size and spilling so that the run stays below the limit. Throws Error(kInput)
// saying what the least is when it cannot.
MemoryPlan plan_memory(const Model& model,
                       const TokenWindows& windows,
                       const FoldPlan& folds,
                       const PlanRequest& request);

}  // namespace linscan
