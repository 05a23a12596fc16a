// `linscan finetune` as a function: a model trained on labelled texts from several seeds, and how
// that changed its linearity (table 1 of the paper).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/text/labelled.h"
#include "linscan/text/windows.h"
#include "linscan/train/run_options.h"
#include "linscan/train/trainable_model.h"

namespace linscan {

struct FinetuneOptions {
  std::filesystem::path model;
  LabelledFile task;
  std::filesystem::path validation;  // a file of its own; empty: a share of the task's
  double validation_share = 0.2;     // of the examples; texts with one passage stay together
  LabelledOptions labelled;
  int64_t context = 512;  // of labelled texts and of the evaluation text
  TrainChoice train;
  int64_t seeds = 3;  // run.seed, run.seed + 1, ...
  double epochs = 3;
  int64_t batch = 16;         // examples of a step
  int64_t micro_batch = 0;    // examples of one pass; 0: the whole batch
  double warmup_share = 0.1;  // of the steps
  bool bundled_text = false;  // the evaluation text is the one that comes with the program
  RunOptions run;             // steps, batches in tokens and warm-up are not used
};

// Trains, measures and writes to run.folder:
//
//   result.json            what is returned: "schema": "linscan.finetuning/1"
//   before.json            the analysis of the model on `text`
//   seed-N/after.json      the same of the trained model, as it was written
//   seed-N/model           a HuggingFace folder, the head beside the language model's
//   seed-N/train.jsonl, seed-N/checkpoints
//
// Seeds share the split into training and validation part and differ in the head's first weights,
// the order of examples and the first factors of LoRA. Throws what train() and read_labelled()
// throw.
Json finetune(const FinetuneOptions& options, const TokenWindows& text);

}  // namespace linscan
