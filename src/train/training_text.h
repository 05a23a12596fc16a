// The text of a training: shards that are written once, the order of their windows, and what is
// held out of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "linscan/model/model.h"
#include "linscan/text/shards.h"
#include "linscan/text/tokenizer.h"
#include "linscan/text/window_order.h"
#include "linscan/text/windows.h"
#include "linscan/train/language_model.h"
#include "linscan/train/run_options.h"

namespace linscan {

class TrainingText {
 public:
  // Opens the shards, or writes them. Documents stand between the special tokens that the model's
  // config.json names. `tokenizer` may be null where all files are raw ids.
  // run  its folder has the shards where `options` names no other, its seed is that of the order.
  TrainingText(const TrainingTextOptions& options,
               const RunOptions& run,
               const Tokenizer* tokenizer,
               const Model& model);

  const TokenShards& shards() const { return *shards_; }
  const WindowOrder& order() const { return *order_; }
  const TokenWindows& held_out() const { return held_out_; }
  // Micro-batch `micro` of step `step`; a window is told by its first token's place in the text.
  TrainBatch batch(const RunOptions& run, int64_t step, int64_t micro) const;
  // "data" of a result.
  Json describe() const;

 private:
  void read_held_out(const Tokenizer* tokenizer,
                     int64_t vocabulary,
                     const std::optional<TokenRange>& range);

  TrainingTextOptions options_;
  uint64_t seed_;
  std::optional<TokenShards> shards_;
  std::optional<WindowOrder> order_;
  TokenWindows held_out_;
};

}  // namespace linscan
