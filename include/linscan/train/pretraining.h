// `linscan pretrain-reg` as a function: a decoder trained from random weights, or from a
// checkpoint, on text, with the regulariser, its linearity measured on the way. Needs libtorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/text/tokenizer_training.h"
#include "linscan/train/regularizer.h"
#include "linscan/train/run_options.h"

namespace linscan {

struct PretrainOptions {
  // Either a preset's name or a config.json for random weights, or a checkpoint to go on from.
  std::string architecture;
  std::filesystem::path from;
  // A folder with a tokenizer; else one of `vocabulary` tokens is trained on the text.
  std::filesystem::path tokenizer;
  int64_t vocabulary = 0;
  TokenizerKind tokenizer_kind = TokenizerKind::kBpe;

  TrainingTextOptions text;  // linearity is measured on its held-out part
  RegularizerOptions regularizer;
  int64_t measure_points = 12;  // of the linearity; 0: it is not measured
  RunOptions run;
};

// "demo", "mistral-150m", "mistral-650m": the config.json of a preset, with this vocabulary and
// context. Throws Error(kUsage) for other names, listing these.
Json preset_architecture(const std::string& name, int64_t vocabulary, int64_t context);

// Fills options.run.folder:
//   initial/     the random model (with `from` not there)
//   tokenizer/   when it was trained; data/  shards
//   train.jsonl, checkpoints/  see loop.h
//   linearity/step-00000100.json   "linscan.analysis/1", with "training": {"step", "tokens"}
//   model/       the trained model, in the dtype that its config.json names
//   result.json  the document that is returned: "linscan.training/1"
Json pretrain(const PretrainOptions& options);

}  // namespace linscan
