// `linscan distill` as a function: a student healed against its teacher. Needs libtorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/train/distillation_loss.h"
#include "linscan/train/run_options.h"
#include "linscan/train/trainable_model.h"

namespace linscan {

// How the student was made of another model, where that is known.
struct EditHistory {
  std::string source_sha256;  // of the weights that it was made of
  // For every block of the student, how many blocks of the source its state is behind.
  std::vector<int64_t> aligned;
  std::vector<int64_t> projections;  // blocks of the student whose down projection was fitted
};

struct DistillOptions {
  std::filesystem::path teacher;
  std::filesystem::path student;
  std::optional<EditHistory> history;
  DistillationWeights weights;
  KlOptions kl;
  // A file that keeps the teacher's kl.top_k predictions for later epochs and other students;
  // empty: none. For kl with top_k and without losses on states.
  std::filesystem::path teacher_cache;
  // kMaps also trains the projections of the history; so does kProjections without blocks.
  TrainChoice train;

  TrainingTextOptions text{.held_out_share = 0.05};
  RunOptions run;
  std::map<std::string, std::string> files;  // to be written beside the weights
};

// Fills options.run.folder:
//   data/        the tokenized text
//   train.jsonl, checkpoints/  see loop.h
//   model/       the healed student in its own form and dtype, opened again and compared
//   result.json  the document that is returned: "linscan.distillation/1"
// Throws Error(kInput) where teacher and student do not fit each other or the losses, and what
// train() throws.
Json distill(const DistillOptions& options);

}  // namespace linscan
