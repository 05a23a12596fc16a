// Options of the commands that edit blocks, and what they ask for.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/data_options.h"
#include "linscan/edit/edit_job.h"
#include "linscan/model/model_writer.h"

namespace linscan::tools {

struct EditOptions {
  std::string command;  // "prune"
  std::string model;
  DataOptions data;
  std::vector<std::string> evaluation_files;
  int64_t evaluation_tokens = 65536;
  uint64_t seed = 0;
  std::string blocks;
  std::string drop;
  std::string by = "loss";
  bool rescore = false;
  int64_t beam = 3;
  int64_t search_tokens = 0;
  std::string method;
  std::string map = "affine";
  double ridge = 0;
  bool sweep = false;
  std::string target = "dense";
  std::string export_form = "auto";
  bool plan_only = false;
  std::string plan;
  std::string max_ppl_increase;
  std::string max_kl;
  std::string device = "auto";
  std::string dtype = "auto";
  int threads = 0;
  std::string memory_limit = "auto";
  std::string format = "table";
  std::string out;
  bool force = false;

  // `method` is the default of --method.
  EditOptions(std::string command_name, std::string default_method)
      : command(std::move(command_name)), method(std::move(default_method)) {
    data.default_tokens =
        "16,384, or 50 for each unknown of a fit (the hidden size; of refit and "
        "sweep the MLP size), whichever is more";
  }

  void add_to(CLI::App& app);
};

// The export form asked for; nothing for "auto".
std::optional<ExportForm> wanted_form(const EditOptions& o);

// The recipes of --method, --map, --ridge, --sweep and --target for this export form. "auto": every
// method that a stock checkpoint can hold (with remote code: linear too), fold and refit also with
// a sweep where that is asked for.
std::vector<Recipe> recipes_of(const EditOptions& o);

// How many blocks --drop asks for: a number, or a share of `blocks` ("25%", at least one).
int64_t parse_drop(const std::string& text, int64_t blocks);

// "10%" or "0.1" -> 0.1, of an option whose value may not be negative.
double parse_share(const std::string& text, std::string_view option);

}  // namespace linscan::tools
