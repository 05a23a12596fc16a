// What every training is told beside its objective, and the words that trainings share.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "linscan/train/learning_rate.h"
#include "linscan/train/loop.h"
#include "linscan/train/optimizer.h"

namespace linscan {

struct RunOptions {
  std::filesystem::path folder;
  int64_t steps = 1000;
  int64_t batch_tokens = 8192;     // of one step
  int64_t micro_batch_tokens = 0;  // of one pass; 0: the whole batch at once
  LearningRate rate;               // steps is set from `steps`
  AdamOptions adam;
  bool checkpointing = false;
  int64_t checkpoint_every = 0;
  int64_t keep = 2;
  int64_t evaluate_every = 0;
  int64_t patience = 0;
  int64_t log_every = 1;
  bool resume = false;
  uint64_t seed = 0;
  std::string device = "auto";
  std::string dtype = "auto";
  int64_t memory_limit = 0;  // bytes of the host; 0: four fifths of what is free

  // Micro-batches of a step with windows of `window` tokens each, and windows of a micro-batch.
  // Throws Error(kUsage) where the sizes do not divide one another.
  int64_t windows_of_micro_batch(int64_t window) const;
  int64_t accumulation(int64_t window) const;

  // Throws Error(kInput) where a training on the host that holds `bytes` for weights, gradients and
  // moments does not fit in the limit.
  void require_memory(int64_t bytes) const;

  // For train(): all of this; `config` stays to be filled.
  TrainOptions to_train() const;
  // What decides the result, for TrainOptions::config.
  Json decisive() const;
};

// The text of a training.
struct TrainingTextOptions {
  std::vector<std::filesystem::path> data;
  std::vector<std::filesystem::path> held_out;  // empty: the last `held_out_share` of the documents
  double held_out_share = 0.01;
  int64_t held_out_tokens = 16384;  // at most
  std::string text_field = "text";
  std::filesystem::path shards;  // where the tokenized text lies; empty: data/ of the run
  int64_t context = 512;         // window length in tokens
};

// Steps done after which the state of a training is looked at: 0, then about `points` spaced evenly
// in the logarithm, up to and with `steps`.
std::vector<int64_t> logarithmic_steps(int64_t steps, int64_t points);

}  // namespace linscan
