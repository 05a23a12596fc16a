// linscan ladder MODEL: perplexity and benchmarks as more and more blocks are edited, by every
// method and criterion.
#include <chrono>
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/data_options.h"
#include "common/run_main.h"
#include "linscan/base/device.h"
#include "linscan/base/error.h"
#include "linscan/base/files.h"
#include "linscan/base/log.h"
#include "linscan/base/system.h"
#include "linscan/base/version.h"
#include "linscan/edit/ladder.h"
#include "linscan/eval/evaluation.h"
#include "linscan/model/description.h"
#include "linscan/model/model.h"
#include "linscan/report/ladder_report.h"

namespace linscan::tools {
namespace {

namespace fs = std::filesystem;

struct LadderOptions {
  std::string model;
  DataOptions data;
  std::vector<std::string> evaluation_files;
  int64_t evaluation_tokens = 65536;
  std::vector<std::string> tasks;
  int64_t limit = 0;
  uint64_t seed = 0;
  int64_t deepest = 3;
  std::vector<std::string> methods = {"remove", "fold", "refit", "refit+sweep", "linear"};
  std::vector<std::string> criteria = {"loss"};
  bool rescore = false;
  int64_t beam = 3;
  std::string map = "affine";
  double ridge = 0;
  std::string device = "auto";
  std::string dtype = "auto";
  int threads = 0;
  std::string memory_limit = "auto";
  std::string format = "table";
  std::string out;
  bool force = false;
};

void add_options(CLI::App& app, LadderOptions& o) {
  app.add_option("MODEL,-m,--model", o.model, "HuggingFace folder: config.json and weights")
      ->required()
      ->group("Model");
  o.data.default_tokens = "16,384, or 50 for each unknown of a fit, whichever is more";
  o.data.add_to(app);
  app.add_option("--eval-data",
                 o.evaluation_files,
                 "Text of the perplexities; default: a tenth of --data, held out")
      ->group("Data")
      ->type_name("FILE");
  app.add_option("--eval-tokens", o.evaluation_tokens, "At most N tokens of --eval-data")
      ->group("Data")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  app.add_option("--task", o.tasks, "Benchmark after each step, as in linscan eval")
      ->group("Data")
      ->type_name("NAME=FILE");
  app.add_option("--limit", o.limit, "The first N items of every task; 0: all")
      ->group("Data")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  app.add_option("--seed", o.seed, "Seed of held-out parts and of --by random")
      ->group("Data")
      ->type_name("S");
  app.add_option("--max-drop", o.deepest, "Up to how many blocks are edited")
      ->group("Method")
      ->check(CLI::PositiveNumber)
      ->type_name("K");
  app.add_option("--methods",
                 o.methods,
                 "Comma-separated: remove, fold, refit, linear, linear-attention, no-attention; "
                 "fold+sweep and refit+sweep solve every later down projection too")
      ->group("Method")
      ->delimiter(',')
      ->type_name("LIST");
  app.add_option("--by",
                 o.criteria,
                 "Comma-separated: loss, linearity, update, cosine, angular, reverse, random")
      ->group("Method")
      ->delimiter(',')
      ->type_name("LIST");
  app.add_flag("--rescore", o.rescore, "Score the blocks that are left anew after each one")
      ->group("Method");
  app.add_option(
         "--beam", o.beam, "Sets that each round of --by loss hands to the next; 1: plain greedy")
      ->group("Method")
      ->check(CLI::Range(int64_t{1}, int64_t{1000}))
      ->type_name("N");
  app.add_option("--map", o.map, "affine, diagonal, scale, orthogonal, or rank:K of the update")
      ->group("Method")
      ->type_name("KIND");
  app.add_option(
         "--ridge", o.ridge, "Penalty on the change, a share of the mean square of a feature")
      ->group("Method")
      ->check(CLI::NonNegativeNumber)
      ->type_name("X");
  app.add_option("--device", o.device, "auto, cpu or cuda[:i]")->group("Compute");
  app.add_option("--dtype", o.dtype, "Dtype of the matmuls; the residual stream is always fp32")
      ->group("Compute")
      ->check(CLI::IsMember({"auto", "fp32", "bf16"}));
  app.add_option("--threads", o.threads, "CPU threads; 0: one per core")
      ->group("Compute")
      ->check(CLI::Range(0, 4096))
      ->type_name("N");
  app.add_option("--memory-limit",
                 o.memory_limit,
                 "Host memory to stay below, like 8GiB; auto: four fifths of what is free")
      ->group("Compute")
      ->type_name("SIZE");
  app.add_option("--format", o.format, "What standard output shows")
      ->group("Output")
      ->check(CLI::IsMember({"table", "json", "csv", "markdown"}));
  app.add_option("-o,--out", o.out, "Folder for result.json, ladder.csv and report.html")
      ->group("Output")
      ->type_name("DIR");
  app.add_flag("--force", o.force, "Replace existing output")->group("Output");
}

std::vector<Recipe> recipes_of(const LadderOptions& o) {
  constexpr std::string_view kSweep = "+sweep";
  std::vector<Recipe> recipes;
  for (const std::string& text : o.methods) {
    Recipe recipe;
    recipe.how.map = parse_map(o.map, "--map");
    recipe.how.map.ridge = o.ridge;
    recipe.how.sweep = text.ends_with(kSweep);
    recipe.method = parse_method(
        text.substr(0, text.size() - (recipe.how.sweep ? kSweep.size() : 0)), "--methods");
    LINSCAN_CHECK(!recipe.how.sweep || replaces_down_projection(recipe.method),
                  kUsage,
                  "--methods {}: a sweep follows fold or refit",
                  text);
    recipes.push_back(recipe);
  }
  return recipes;
}

EditWindows load_text(const LadderOptions& o,
                      const Model& model,
                      const std::vector<Recipe>& recipes) {
  int64_t wanted = 0;
  for (const Recipe& recipe : recipes) {
    const EditPlan plan = recipe.on({model.config.blocks() - 1});
    wanted = std::max(wanted, default_edit_tokens(model.config, plan));
  }
  const auto load = [&](const DataOptions& data, int64_t tokens) {
    return load_windows(data, o.model, model.config.vocabulary, tokens, /*paper=*/false, o.seed);
  };
  const int64_t on_top = o.evaluation_files.empty() ? wanted / 9 + 1 : 0;
  TokenWindows calibration = load(o.data, o.data.tokens > 0 ? o.data.tokens : wanted + on_top);
  if (o.evaluation_files.empty()) {
    return {std::move(calibration), std::nullopt, o.seed};
  }
  DataOptions evaluation = o.data;
  evaluation.files = o.evaluation_files;
  return {std::move(calibration), load(evaluation, o.evaluation_tokens), o.seed};
}

Json effective_config(const LadderOptions& o) {
  return {{"model", o.model},
          {"ctx", o.data.context},
          {"tokens", o.data.tokens},
          {"data", o.data.files},
          {"eval-data", o.evaluation_files},
          {"task", o.tasks},
          {"limit", o.limit},
          {"max-drop", o.deepest},
          {"methods", o.methods},
          {"by", o.criteria},
          {"rescore", o.rescore},
          {"beam", o.beam},
          {"map", o.map},
          {"ridge", o.ridge},
          {"seed", o.seed}};
}

void print_result(const std::string& format, const Json& result) {
  if (format == "json") {
    std::cout << result.dump(1) << '\n';
  } else if (format == "csv") {
    std::cout << render_ladder_csv(result);
  } else if (format == "markdown") {
    std::cout << render_ladder_markdown(result);
  } else {
    std::cout << render_ladder_table(result);
  }
}

void write_outputs(const LadderOptions& o, const Json& result) {
  AtomicFolder out(o.out, o.force);
  write_file_atomically(out.staging() / "result.json", result.dump(1) + "\n");
  write_file_atomically(out.staging() / "ladder.csv", render_ladder_csv(result));
  write_file_atomically(out.staging() / "report.html", render_ladder_html(result));
  out.commit();
  log::info("report: {}", (fs::path(o.out) / "report.html").string());
}

void run(const LadderOptions& o) {
  const auto start = std::chrono::steady_clock::now();
  keep_freed_memory();
  set_threads(o.threads);
  LadderRequest request;
  request.recipes = recipes_of(o);
  for (const std::string& criterion : o.criteria) {
    request.criteria.push_back(parse_criterion(criterion, "--by"));
  }
  const std::vector<TaskFile> task_files = parse_task_files(o.tasks);
  if (!o.out.empty()) {
    AtomicFolder(o.out, o.force);  // checked before the work, not after it
  }
  const Model model = open_model(o.model);
  LINSCAN_CHECK(o.deepest < model.config.blocks(),
                kInput,
                "--max-drop {}: {} has {} blocks; at least one must stay",
                o.deepest,
                o.model,
                model.config.blocks());
  request.deepest = o.deepest;
  request.search.rescore = o.rescore;
  request.search.beam = o.beam;
  request.search.seed = o.seed;
  request.search.context = o.data.context;
  VariantOptions& variants = request.search.variants;
  variants.device = parse_device(o.device);
  variants.compute_dtype = choose_compute_dtype(o.dtype, stored_in_16_bits(model), variants.device);
  variants.memory_limit =
      memory_limit_or_default(o.memory_limit == "auto" ? 0 : parse_bytes(o.memory_limit));
  const EditWindows windows = load_text(o, model, request.recipes);
  std::optional<TaskSet> tasks;
  if (!task_files.empty()) {
    PromptEncoder encoder(o.model, input_length(model), model.config.vocabulary);
    request.tasks = &tasks.emplace(task_files, o.limit, encoder);
  }
  Json result = {{"schema", "linscan.ladder/1"}};
  result["model"] = describe_model(model);
  result["data"] = windows.describe(o.data.context, o.data.bundled());
  result["evaluation_data"] = windows.describe_evaluation();
  if (tasks) {
    result["data"]["tasks"] = tasks->describe();
  }
  result.update(climb_ladder(model, windows, request));
  result["model"]["weights_sha256"] = model.checkpoint.weights_sha256();
  result["warnings"] = Json::array();
  for (const Json& left_out : result["left_out"]) {
    result["warnings"].push_back(left_out["recipe"].get<std::string>() + " by " +
                                 left_out["by"].get<std::string>() +
                                 " is left out: " + left_out["reason"].get<std::string>());
  }
  result["compute"] = {
      {"device", variants.device.str()},
      {"dtype", dtype_name(variants.compute_dtype)},
      {"threads", threads()},
      {"seconds", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()},
      {"peak_memory_bytes", peak_memory_bytes()}};
  result["software"] = describe_software(torch_version());
  result["date"] = now_utc();
  result["config"] = effective_config(o);
  if (!o.out.empty()) {
    write_outputs(o, result);
  }
  print_result(o.format, result);
}

}  // namespace
}  // namespace linscan::tools

int main(int argc, char** argv) {
  using namespace linscan::tools;
  ToolApp tool(
      "linscan-ladder",
      "What does a model lose as more and more blocks are edited, by each method and each "
      "way of choosing them?",
      "linscan ladder ./pythia-70m --max-drop 4 --by loss,linearity,cosine --data wiki.txt "
      "--task arc_easy=ARC-Easy-Test.jsonl --out ladder");
  LadderOptions options;
  add_options(tool.cli(), options);
  return tool.run(argc, argv, [&] { run(options); });
}
