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

#include "common/compute_options.h"
#include "common/edit_options.h"
#include "common/edit_text.h"
#include "common/output.h"
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
  EditText text;
  std::vector<std::string> tasks;
  int64_t limit = 0;
  int64_t deepest = 3;
  std::vector<std::string> methods = {"remove", "fold", "refit", "refit+sweep", "linear"};
  std::vector<std::string> criteria = {"loss"};
  SearchMeans means;
  ComputeOptions compute;
  std::string format = "table";
  std::string out;
  bool force = false;
};

void add_options(CLI::App& app, LadderOptions& o) {
  app.add_option("MODEL,-m,--model", o.model, "HuggingFace folder: config.json and weights")
      ->required()
      ->group("Model");
  o.text.add_to(app);
  app.add_option("--task", o.tasks, "Benchmark after each step, as in linscan eval")
      ->group("Data")
      ->type_name("NAME=FILE");
  app.add_option("--limit", o.limit, "The first N items of every task; 0: all")
      ->group("Data")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
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
  o.means.add_to(app);
  o.compute.add_to(app);
  app.add_option("--format", o.format, "What standard output shows")
      ->group("Output")
      ->check(CLI::IsMember({"table", "json", "csv", "markdown"}));
  app.add_option("-o,--out", o.out, "Folder for result.json, ladder.csv, report.html and run.toml")
      ->group("Output")
      ->type_name("DIR");
  app.add_flag("--force", o.force, "Replace existing output")->group("Output");
}

std::vector<Recipe> recipes_of(const LadderOptions& o) {
  constexpr std::string_view kSweep = "+sweep";
  std::vector<Recipe> recipes;
  for (const std::string& text : o.methods) {
    Recipe recipe{.how = o.means.plan()};
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

// The options that decide the numbers, as result.json keeps them.
Json effective_config(const LadderOptions& o, const Json& result) {
  return {{"model", o.model},
          {"data", o.text.data.files},
          {"tokens", result["data"]["tokens"]},
          {"ctx", o.text.data.context},
          {"text-field", o.text.data.text_field},
          {"eval-data", o.text.evaluation_files},
          {"eval-tokens", o.text.evaluation_tokens},
          {"task", o.tasks},
          {"limit", o.limit},
          {"seed", o.text.seed},
          {"max-drop", o.deepest},
          {"methods", o.methods},
          {"by", o.criteria},
          {"rescore", o.means.rescore},
          {"beam", o.means.beam},
          {"map", o.means.map},
          {"ridge", o.means.ridge},
          {"dtype", result["compute"]["dtype"]},
          {"device", result["compute"]["device"]},
          {"threads", threads()},
          {"memory-limit", o.compute.memory_limit}};
}

void write_outputs(const LadderOptions& o, const Json& result) {
  AtomicFolder out(o.out, o.force);
  write_file_atomically(out.staging() / "result.json", result.dump(1) + "\n");
  write_file_atomically(out.staging() / "ladder.csv", render_ladder_csv(result));
  write_file_atomically(out.staging() / "run.toml", config_toml("ladder", result["config"]));
  write_file_atomically(out.staging() / "report.html", render_ladder_html(result));
  out.commit();
  log::info("report: {}", (fs::path(o.out) / "report.html").string());
}

void run(const LadderOptions& o) {
  const auto start = std::chrono::steady_clock::now();
  set_threads(o.compute.threads);
  LadderRequest request;
  request.recipes = recipes_of(o);
  for (const std::string& criterion : o.criteria) {
    request.criteria.push_back(parse_criterion(criterion, "--by"));
  }
  o.means.check_effect(request.recipes, request.criteria);
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
  request.search.rescore = o.means.rescore;
  request.search.beam = o.means.beam;
  request.search.seed = o.text.seed;
  const VariantOptions variants = variant_options(o.compute, model);
  request.search.variants = variants;
  const EditWindows windows =
      o.text.load(model, default_edit_tokens(model.config, request.recipes));
  std::optional<TaskSet> tasks;
  if (!task_files.empty()) {
    PromptEncoder encoder(o.model, input_length(model), model.config.vocabulary);
    request.tasks = &tasks.emplace(task_files, o.limit, encoder);
  }
  Json result = {{"schema", "linscan.ladder/1"}};
  result["model"] = describe_model(model);
  result["data"] = windows.describe(o.text.data.context, o.text.data.bundled());
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
  result["compute"] = describe_compute(variants, start);
  result["software"] = describe_software(torch_version());
  result["date"] = now_utc();
  result["config"] = effective_config(o, result);
  if (!o.out.empty()) {
    write_outputs(o, result);
  }
  std::cout << draw_document(
      result, o.format, {render_ladder_table, render_ladder_markdown, render_ladder_csv});
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
