// linscan eval MODEL: perplexity, benchmarks, and distance from another model.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "common/compute_options.h"
#include "common/output.h"
#include "common/run_main.h"
#include "linscan/base/device.h"
#include "linscan/base/error.h"
#include "linscan/base/files.h"
#include "linscan/base/log.h"
#include "linscan/base/system.h"
#include "linscan/eval/evaluation.h"
#include "linscan/eval/perplexity.h"
#include "linscan/eval/task.h"
#include "linscan/model/model.h"
#include "linscan/report/evaluation.h"
#include "linscan/text/corpus.h"

namespace linscan::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBundledCorpus = "corpus/demo-stories.jsonl.gz";

struct EvalOptions {
  std::string model;
  std::vector<std::string> texts;
  std::vector<std::string> tasks;  // NAME=FILE
  std::vector<std::string> rules = {"chunked", "rolling"};
  std::string kl_against;

  bool has_rule(std::string_view rule) const {
    return std::ranges::find(rules, rule) != rules.end();
  }
  int64_t context = 0;
  int64_t stride = 0;
  int64_t limit = 0;
  int64_t max_length = 0;
  std::string text_field = "text";
  ComputeOptions compute;
  int64_t batch_tokens = 0;
  std::string format = "table";
  std::string items;
  std::string out;
  bool force = false;

  bool bundled() const { return texts.empty() && tasks.empty(); }
};

std::string task_help() {
  std::string names;
  for (const Task& task : tasks()) names += (names.empty() ? "" : ", ") + std::string(task.name);
  return "NAME=FILE, the data set's own JSON lines; NAME: " + names;
}

void add_data_options(CLI::App& app, EvalOptions& o) {
  app.add_option("--ppl",
                 o.texts,
                 "Perplexity of text (.txt), JSON lines (.jsonl, also .gz .zst) or raw token ids "
                 "(.i32, .u16); default, with no --task: the bundled corpus")
      ->group("Data")
      ->type_name("FILE");
  app.add_option("--task", o.tasks, task_help())->group("Data")->type_name("NAME=FILE");
  app.add_option("--limit", o.limit, "The first N items of every task; 0: all")
      ->group("Data")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  app.add_option("--text-field", o.text_field, "Field of a JSON line that holds the text of --ppl")
      ->group("Data")
      ->type_name("NAME");
}

void add_method_options(CLI::App& app, EvalOptions& o) {
  app.add_option("--ppl-rules", o.rules, "Which perplexities of a text: chunked, rolling")
      ->group("Method")
      ->delimiter(',')
      ->check(CLI::IsMember({"chunked", "rolling"}))
      ->capture_default_str()
      ->type_name("LIST");
  app.add_option("--ctx",
                 o.context,
                 "Window of chunked perplexity in tokens; 0: 2,048 or the model's length, "
                 "whichever is less")
      ->group("Method")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 20))
      ->type_name("N");
  app.add_option("--stride", o.stride, "Tokens from one window to the next; 0: a whole window")
      ->group("Method")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  app.add_option("--max-length",
                 o.max_length,
                 "Longest input of tasks and rolling perplexity in tokens; 0: the model's length")
      ->group("Method")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 20))
      ->type_name("N");
  app.add_option("--kl-against",
                 o.kl_against,
                 "Checkpoint that the predictions on --ppl are compared with: mean KL(that || "
                 "MODEL), top-1 agreement")
      ->group("Method")
      ->type_name("MODEL");
}

void add_options(CLI::App& app, EvalOptions& o) {
  app.add_option("MODEL,-m,--model", o.model, "HuggingFace folder: config.json and weights")
      ->required()
      ->group("Model");
  add_data_options(app, o);
  o.compute.add_to(app);
  app.add_option("--batch-tokens",
                 o.batch_tokens,
                 "Tokens that go through a block together; 0: 2,048, on a GPU 16,384. Scores do "
                 "not depend on it beyond rounding")
      ->group("Compute")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 24))
      ->type_name("N");
  add_method_options(app, o);
  app.add_option("--format", o.format, "What standard output shows")
      ->group("Output")
      ->check(CLI::IsMember({"table", "json", "csv", "markdown"}));
  app.add_option("-o,--out", o.out, "Folder for result.json and run.toml")
      ->group("Output")
      ->type_name("DIR");
  app.add_option("--items",
                 o.items,
                 "JSON lines, one per item: log-likelihood of every choice, predicted, gold")
      ->group("Output")
      ->type_name("FILE");
  app.add_flag("--force", o.force, "Replace existing output")->group("Output");
}

EvaluationOptions to_evaluation(const EvalOptions& o) {
  EvaluationOptions options;
  options.texts.assign(o.texts.begin(), o.texts.end());
  options.tasks = parse_task_files(o.tasks);
  if (o.bundled()) {
    options.texts.push_back(data_file(kBundledCorpus));
  }
  std::vector<fs::path> sorted = options.texts;
  std::ranges::sort(sorted);
  if (const auto twice = std::ranges::adjacent_find(sorted); twice != sorted.end()) {
    fail(ErrorKind::kUsage, "--ppl {}: given twice", twice->string());
  }
  if (!o.kl_against.empty()) {
    if (options.texts.empty()) {
      fail(ErrorKind::kUsage, "--kl-against compares predictions on texts: name one with --ppl");
    }
    if (!o.has_rule("chunked")) {
      fail(ErrorKind::kUsage,
           "--kl-against compares predictions on chunked windows: --ppl-rules leaves them out");
    }
    options.reference = o.kl_against;
  }
  const auto raw = std::ranges::find_if(options.texts, holds_raw_ids);
  if (raw != options.texts.end() && !o.has_rule("chunked")) {
    fail(ErrorKind::kUsage,
         "--ppl {}: raw token ids have chunked perplexity only, and --ppl-rules leaves it out",
         raw->string());
  }
  if (!o.items.empty() && options.tasks.empty()) {
    fail(ErrorKind::kUsage, "--items lists the items of tasks: name one with --task");
  }
  if (o.context == 1) {
    fail(ErrorKind::kUsage, "--ctx 1: a window of one token predicts nothing");
  }
  options.context = o.context;
  options.stride = o.stride;
  options.chunked = o.has_rule("chunked");
  options.rolling = o.has_rule("rolling");
  options.limit = o.limit;
  options.max_length = o.max_length;
  options.text_field = o.text_field;
  options.dtype = o.compute.dtype;
  options.device = o.compute.device;
  options.memory_limit = o.compute.memory_limit_bytes();
  options.batch_tokens = o.batch_tokens;
  options.bundled_data = o.bundled();
  return options;
}

// The options that decide the numbers, as result.json keeps them.
Json effective_config(const EvalOptions& o, const Json& result) {
  Json config = {{"model", o.model},
                 {"ppl", o.texts},
                 {"task", o.tasks},
                 {"limit", o.limit},
                 {"text-field", o.text_field},
                 {"ppl-rules", o.rules},
                 {"ctx", result["protocol"]["ctx"]},
                 {"stride", result["protocol"]["stride"]},
                 {"max-length", result["protocol"]["max_length"]},
                 {"dtype", result["compute"]["dtype"]},
                 {"device", result["compute"]["device"]},
                 {"threads", threads()},
                 {"memory-limit", o.compute.memory_limit},
                 {"batch-tokens", o.batch_tokens}};
  if (!o.kl_against.empty()) config["kl-against"] = o.kl_against;
  return config;
}

void write_outputs(const EvalOptions& o, const Evaluation& evaluation) {
  if (!o.items.empty()) {
    std::string lines;
    for (const std::string& item : evaluation.items) lines += item + "\n";
    write_file_atomically(o.items, lines);
  }
  if (!o.out.empty()) {
    AtomicFolder out(o.out, o.force);
    write_file_atomically(out.staging() / "result.json", evaluation.result.dump(1) + "\n");
    write_file_atomically(out.staging() / "run.toml",
                          config_toml("eval", evaluation.result["config"]));
    out.commit();
  }
}

void run(const EvalOptions& o) {
  set_threads(o.compute.threads);
  const EvaluationOptions options = to_evaluation(o);
  // Outputs and inputs are checked before the work, not after it.
  if (!o.out.empty()) {
    AtomicFolder(o.out, o.force);
  }
  if (!o.items.empty()) {
    require_writable_output(o.items, o.force);
  }
  check_data_files(options.texts);
  const Model model = open_model(o.model);
  Evaluation evaluation = evaluate(model, options);
  evaluation.result["config"] = effective_config(o, evaluation.result);
  write_outputs(o, evaluation);
  std::cout << draw_document(
      evaluation.result,
      o.format,
      {render_evaluation_table, render_evaluation_markdown, render_evaluation_csv});
}

}  // namespace
}  // namespace linscan::tools

int main(int argc, char** argv) {
  using namespace linscan::tools;
  ToolApp tool("linscan-eval",
               "Perplexity, benchmarks and distance from another model, with the scores of "
               "lm-evaluation-harness.",
               "linscan eval ./pythia-70m --ppl wiki.txt --task arc_easy=ARC-Easy-Test.jsonl");
  EvalOptions options;
  add_options(tool.cli(), options);
  return tool.run(argc, argv, [&] { run(options); });
}
