// The one training loop: steps, log, evaluation, checkpoints, a clean stop, and a resume that is
// bitwise equal to never having stopped. Needs libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/model/model_writer.h"
#include "linscan/train/learning_rate.h"
#include "linscan/train/optimizer.h"
#include "linscan/train/trainable_model.h"

namespace linscan {

// Parts of a loss by name, scalars on the device: what is minimised is their sum.
using LossParts = std::vector<std::pair<std::string, at::Tensor>>;

// What is minimised, and on what. Everything random follows from the step, so that a resumed
// training needs no state of it.
class Objective {
 public:
  virtual ~Objective() = default;

  // Adds the gradients of micro-batch `micro` of step `step` to the parameters, each loss times
  // `weight`. Returns the parts of the loss with that factor.
  virtual LossParts accumulate(int64_t step, int64_t micro, double weight) = 0;

  // What is trained besides the model, such as a head of its own: leaves that stay the same
  // tensors. Optimised and kept in the training state with the model's.
  virtual std::vector<Parameter> parameters() const { return {}; }

  // Tokens that one micro-batch predicts.
  virtual int64_t tokens_per_micro_batch() const = 0;

  // Figures of held-out data; `loss`, a number, decides about early stopping. Empty: there are
  // none.
  virtual Json evaluate() { return {}; }
};

struct TrainOptions {
  std::filesystem::path folder;  // of the run: train.jsonl, checkpoints/
  LearningRate rate;             // with the number of steps
  AdamOptions adam;
  int64_t accumulation = 1;      // micro-batches of a step
  int64_t checkpoint_every = 0;  // steps; 0: at the end and when stopped
  int64_t keep = 2;              // checkpoints that stay, besides the best; 0: all
  int64_t evaluate_every = 0;    // steps; 0: at the end only
  int64_t patience = 0;   // evaluations without improvement before the training ends; 0: never
  int64_t log_every = 1;  // steps between lines of train.jsonl
  bool resume = false;    // go on from the newest checkpoint where there is one
  ExportForm form = ExportForm::kStock;  // of checkpoints
  Json config;  // everything else that decides the result: a resume with another one is refused
  std::string label = "train";
  // Called before step 0 and after every step that it wants, with the steps done so far.
  std::function<bool(int64_t done)> measures_at;
  std::function<void(int64_t done)> measure;
};

struct TrainResult {
  int64_t steps = 0;                 // that were taken, in all runs of this folder
  bool stopped_early = false;        // by patience
  std::optional<int64_t> best_step;  // of the lowest held-out loss
  Json evaluation;                   // of the weights that the model now has
  std::filesystem::path checkpoint;  // the newest
  double tokens_per_second = 0;      // of the steps of this run
};

// Trains `model` in place. With patience the weights of the best evaluation are in it afterwards.
// On SIGINT or SIGTERM the step is finished, a checkpoint is written and Interrupted is thrown.
// Throws Error(kNumeric) where a loss or gradient is not finite: the parameters are those of the
// step before and no checkpoint is touched; Error(kInput) where the folder holds another run or a
// checkpoint cannot be written: those before stay as they are.
TrainResult train(TrainableModel& model, Objective& objective, const TrainOptions& options);

}  // namespace linscan
