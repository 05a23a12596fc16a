// The "Training" and "Run" groups: optimiser, batches, checkpoints. Shared by every command that
// trains.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "common/compute_options.h"
#include "linscan/train/run_options.h"

namespace linscan::tools {

struct TrainingOptions {
  RunOptions run;  // with the command's defaults
  std::string schedule = "cosine";
  std::string out;

  // Adds the groups "Training" and "Run"; --out is required.
  void add_to(CLI::App& app);
  // The options as given; `compute` says where.
  RunOptions options(const ComputeOptions& compute) const;
};

}  // namespace linscan::tools
