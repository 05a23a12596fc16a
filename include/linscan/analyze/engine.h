// Layer-major streaming: for each block, all tokens. Weights are read once, the next block while
// this one runs.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "linscan/analyze/plan.h"
#include "linscan/analyze/residual_stream.h"
#include "linscan/analyze/schedule.h"
#include "linscan/analyze/sink.h"
#include "linscan/io/checkpoint.h"
#include "linscan/model/model.h"
#include "linscan/model/weights.h"

namespace linscan {

struct EngineSeconds {
  double forward = 0;  // embedding, blocks, head
  double sinks = 0;    // observing and scoring
  double loading = 0;  // waiting for weights
};

// Why the stream stopped before the last block.
struct BadWeights {
  int64_t block;  // first block that did not run; 0 also for the embedding
  std::string reason;
};

class Engine {
 public:
  // All references must outlive the engine.
  Engine(const Model& model,
         const TokenWindows& windows,
         const Schedule& schedule,
         const MemoryPlan& plan,
         at::ScalarType compute_dtype,
         at::Device device);
  // The same for a model that was edited in memory.
  Engine(const EditedModel& model,
         const TokenWindows& windows,
         const Schedule& schedule,
         const MemoryPlan& plan,
         at::ScalarType compute_dtype,
         at::Device device);

  // Pushes all tokens through all blocks and shows every batch to every sink. Weights that are not
  // finite end the stream before their block. Throws Interrupted after Ctrl-C.
  std::optional<BadWeights> run(std::span<Sink* const> sinks);

  const EngineSeconds& seconds() const { return seconds_; }
  // Digest of all weights of the unedited model; reads those that the stream did not need. Call
  // after run().
  std::string weights_sha256();

 private:
  std::optional<BadWeights> embed();
  void run_block(int64_t block, std::span<Sink* const> sinks);
  void show(const ScheduledBatch& batch,
            int64_t block,
            const BatchLayout& layout,
            const at::Tensor& x,
            const BlockOutput& out,
            std::span<Sink* const> sinks);
  BatchLayout layout_of(const ScheduledBatch& batch) const;

  Engine(const Model& model,
         WeightLoader loader,
         const TokenWindows& windows,
         const Schedule& schedule,
         const MemoryPlan& plan);

  const Model& model_;
  WeightLoader loader_;
  const DecoderConfig& config_;
  const TokenWindows& windows_;
  const Schedule& schedule_;
  at::Device device_;
  PositionCache positions_;
  std::unique_ptr<ResidualStream> stream_;
  WeightsDigest digest_;
  EngineSeconds seconds_;
  BlockWeights weights_;  // of the running block
  Norm final_norm_;       // loaded for the last block
  HeadWeights head_;      // loaded for the last block when logits are wanted
};

}  // namespace linscan
