// Next-token prediction on token windows, with the regulariser. Needs libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "linscan/model/block.h"
#include "linscan/text/windows.h"
#include "linscan/train/loop.h"
#include "linscan/train/regularizer.h"
#include "linscan/train/trainable_model.h"

namespace linscan {

// Windows behind one another without padding. A target is the token that follows a row's, or
// kNoTarget.
struct TrainBatch {
  static constexpr int64_t kNoTarget = -100;

  at::Tensor ids;      // (N) int64 host
  at::Tensor targets;  // (N) int64 host
  BatchLayout layout;
  std::vector<int64_t> windows;  // what tells them apart in their text, where somebody wants that
};

// Every window predicts its tokens but the first from those before. `windows` are rows of at least
// two ids.
TrainBatch next_token_batch(const std::vector<std::vector<int32_t>>& windows);
// The same of windows of a text, each with its own length; those of one token are left out.
std::vector<TrainBatch> next_token_batches(const TokenWindows& windows, int64_t batch_rows);

// The batch of micro-batch `micro` of step `step`.
using BatchSource = std::function<TrainBatch(int64_t step, int64_t micro)>;

struct LanguageModelOptions {
  RegularizerOptions regularizer;
  bool checkpointing = false;  // activations inside blocks are made again instead of kept
  int64_t tokens_per_micro_batch = 0;
};

class LanguageModelObjective : public Objective {
 public:
  // All must outlive the objective. held_out  may be empty.
  LanguageModelObjective(TrainableModel& model,
                         BatchSource batches,
                         const std::vector<TrainBatch>& held_out,
                         const LanguageModelOptions& options);

  // Parts: "cross_entropy" (mean over targets, nats) and, where there is one, "regularizer".
  LossParts accumulate(int64_t step, int64_t micro, double weight) override;
  int64_t tokens_per_micro_batch() const override { return options_.tokens_per_micro_batch; }
  // {"loss", "perplexity", "tokens"}: without the regulariser.
  Json evaluate() override;

 private:
  TrainableModel& model_;
  BatchSource batches_;
  const std::vector<TrainBatch>& held_out_;
  LanguageModelOptions options_;
};

// Cross-entropy summed over rows with a target times `factor`, as a loss on chunks of logits.
// targets  (N) int64 on the device.
LogitLoss cross_entropy_loss(const at::Tensor& targets, double factor);

// Mean cross-entropy over the batches' targets, as a document: {"loss", "perplexity", "tokens"}.
Json held_out_cross_entropy(TrainableModel& model, const std::vector<TrainBatch>& batches);

}  // namespace linscan
