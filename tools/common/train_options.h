// The "Training" and "Run" groups: optimiser, batches, checkpoints. Shared by every command that
// trains.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "common/compute_options.h"
#include "linscan/train/run_options.h"

namespace linscan::tools {

// The "Data" group of a command that trains on running text.
struct TrainingTextFlags {
  TrainingTextOptions text;  // with the command's defaults
  std::vector<std::string> data;
  std::vector<std::string> held_out;
  std::string shards;

  // data_default  what --data says of its default; empty: the option is required.
  void add_to(CLI::App& app, const std::string& data_default, const std::string& held_out_purpose);
  TrainingTextOptions options() const;
};

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
