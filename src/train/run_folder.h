// The files of a training on disk: numbered checkpoints, each a HuggingFace folder and beside it
// what a resume needs, and the log.
//
//   train.jsonl                              one line for each logged step and each evaluation
//   checkpoints/step-00000500/               opens in every tool
//   checkpoints/step-00000500.safetensors    fp32 parameters, moments, steps; progress in the
//                                            metadata
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/train/loop.h"
#include "linscan/train/optimizer.h"

namespace linscan {

// How far a training has come.
struct TrainingProgress {
  int64_t step = 0;  // steps done
  std::optional<double> best_loss;
  std::optional<int64_t> best_step;
  int64_t evaluations_since_best = 0;
};

class RunFolder {
 public:
  RunFolder(std::filesystem::path folder, bool resume);
  // Throws Error(kInput) where the folder holds a training already: before the work, not after it.
  static void require_new(const std::filesystem::path& folder);

  // Steps of the complete checkpoints, ascending.
  std::vector<int64_t> checkpoints() const;
  std::filesystem::path checkpoint(int64_t step) const;

  // Writes the state first and the folder last, each as a whole or not at all: a checkpoint counts
  // when its folder is there.
  void write_checkpoint(const TrainableModel& model,
                        AdamW& optimizer,
                        const TrainingProgress& progress,
                        const Json& config,
                        ExportForm form) const;
  // Parameters and moments of a checkpoint. Throws Error(kInput) where `config` is not that of the
  // checkpoint, naming the keys, or where the file does not fit the model.
  TrainingProgress read_checkpoint(int64_t step, AdamW& optimizer, const Json& config) const;
  // Removes all but the newest `keep` (0: none is removed) and `best`.
  void prune(int64_t keep, std::optional<int64_t> best) const;
  // Removes what a broken run left: incomplete checkpoints, and lines of the log after `step`.
  void clean_up(int64_t step) const;

  void append_log(const Json& line) const;

 private:
  std::filesystem::path state_file(int64_t step) const;

  std::filesystem::path folder_;
  std::filesystem::path log_;
};

}  // namespace linscan
