// Options of the commands that edit blocks, and what they ask for.
#pragma once

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/compute_options.h"
#include "common/edit_text.h"
#include "linscan/edit/edit_job.h"
#include "linscan/model/model_writer.h"

namespace linscan::tools {

// How sets of blocks are found and what maps may be: what prune, linearize and ladder share.
struct SearchMeans {
  bool rescore = false;
  int64_t beam = 3;
  std::string map = "affine";
  double ridge = 0;

  void add_to(CLI::App& app);
  // What --map and --ridge say, in every recipe's plan.
  EditPlan plan() const;
  // Throws Error(kUsage) for a --map that none of the recipes fits, and for --rescore where no
  // criterion scores blocks.
  void check_effect(std::span<const Recipe> recipes, std::span<const Criterion> criteria) const;
};

struct EditOptions {
  std::string command;  // "prune"
  std::string model;
  EditText text;
  std::string blocks;
  std::string drop;
  std::string by = "loss";
  SearchMeans means;
  int64_t search_tokens = 0;
  std::string method;
  bool sweep = false;
  std::string target = "dense";
  std::string export_form = "auto";
  bool plan_only = false;
  std::string plan;
  std::string max_ppl_increase;
  std::string max_kl;
  ComputeOptions compute;
  std::string format = "table";
  std::string out;
  bool force = false;

  // `method` is the default of --method.
  EditOptions(std::string command_name, std::string default_method)
      : command(std::move(command_name)), method(std::move(default_method)) {}

  void add_to(CLI::App& app);
};

// The export form asked for; nothing for "auto".
std::optional<ExportForm> wanted_form(const EditOptions& o);

// The recipes of --method, --map, --ridge, --sweep and --target for this export form. "auto": every
// method that a stock checkpoint can hold (with remote code: linear too), fold and refit also with
// a sweep where that is asked for. Throws Error(kUsage) for options that contradict one another.
std::vector<Recipe> recipes_of(const EditOptions& o);

// How many blocks --drop asks for: a number, or a share of `blocks` ("25%", at least one).
int64_t parse_drop(const std::string& text, int64_t blocks);

// "10%" or "0.1" -> 0.1, of an option whose value may not be negative.
double parse_share(const std::string& text, std::string_view option);

// Device, dtype and memory for edits of this model.
VariantOptions variant_options(const ComputeOptions& compute, const Model& model);

// "compute" of a result: where and how it was made, and the seconds since `start`.
Json describe_compute(const VariantOptions& options, std::chrono::steady_clock::time_point start);

}  // namespace linscan::tools
