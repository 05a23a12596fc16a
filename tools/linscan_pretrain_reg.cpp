// linscan pretrain-reg CONFIG.toml: small decoders from random weights, with the regulariser, their
// linearity watched.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/compute_options.h"
#include "common/output.h"
#include "common/run_main.h"
#include "common/train_options.h"
#include "linscan/base/device.h"
#include "linscan/base/error.h"
#include "linscan/base/files.h"
#include "linscan/report/training.h"
#include "linscan/train/pretraining.h"

namespace linscan::tools {
namespace {

struct PretrainCommand {
  PretrainOptions options;
  TrainingTextFlags text;
  std::string from;
  std::string tokenizer;
  std::string tokenizer_kind = "bpe";
  std::string regularizer = "none";
  bool without_embedding = false;
  TrainingOptions training;
  ComputeOptions compute;
  std::string format = "table";
};

void add_model_options(CLI::App& app, PretrainCommand& o) {
  app.add_option("--architecture",
                 o.options.architecture,
                 "config.json of a model with random weights, or a preset: demo, mistral-150m, "
                 "mistral-650m")
      ->group("Model")
      ->type_name("FILE|NAME");
  app.add_option("--from", o.from, "Checkpoint to go on from, instead of random weights")
      ->group("Model")
      ->type_name("MODEL");
  app.add_option("--tokenizer", o.tokenizer, "Folder with a tokenizer; default with --from: that")
      ->group("Model")
      ->type_name("DIR");
  app.add_option("--vocabulary",
                 o.options.vocabulary,
                 "Train a tokenizer of N tokens on the text, where none is named")
      ->group("Model")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  app.add_option("--tokenizer-kind", o.tokenizer_kind, "Of the trained tokenizer")
      ->group("Model")
      ->check(CLI::IsMember({"bpe", "unigram"}));
}

void add_regularizer_options(CLI::App& app, PretrainCommand& o) {
  RegularizerOptions& reg = o.options.regularizer;
  const std::string group = "Regularizer";
  app.add_option("--reg",
                 o.regularizer,
                 "Term on neighbouring states of the residual stream: cosine, 1 - cos(h_i, "
                 "h_{i-1}); mse, their squared distance")
      ->group(group)
      ->check(CLI::IsMember({"none", "cosine", "mse"}));
  app.add_option("--lambda", reg.lambda, "Weight of the term; the paper has 0.5, for mse also 2.0")
      ->group(group)
      ->check(CLI::NonNegativeNumber)
      ->type_name("X");
  app.add_flag("--push-apart", reg.push_apart, "The other sign: neighbours are pushed apart")
      ->group(group);
  app.add_flag("--mean-over-pairs", reg.mean_over_pairs, "Mean over blocks; default: their sum")
      ->group(group);
  app.add_flag("--mean-over-features",
               reg.mean_over_features,
               "mse: mean of the squares; default: their sum")
      ->group(group);
  app.add_flag("--without-embedding",
               o.without_embedding,
               "The embedding is no state: the first pair is that of block 1")
      ->group(group);
  app.add_flag(
         "--post-norm-state",
         reg.post_norm,
         "The last state is the one after the final norm; default: as it stands in the stream")
      ->group(group);
  app.add_option("--measure-points",
                 o.options.measure_points,
                 "Steps, evenly spaced in the logarithm, at which the linearity of the held-out "
                 "text is measured; 0: none")
      ->group(group)
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
}

void run(PretrainCommand& o) {
  PretrainOptions& options = o.options;
  if (options.architecture.empty() == o.from.empty()) {
    fail(ErrorKind::kUsage, "name either --architecture or --from: what shall be trained?");
  }
  set_threads(o.compute.threads);
  options.from = o.from;
  options.tokenizer = o.tokenizer;
  options.tokenizer_kind = parse_tokenizer_kind(o.tokenizer_kind);
  options.text = o.text.options();
  options.regularizer.kind = parse_regularizer(o.regularizer);
  options.regularizer.embedding = !o.without_embedding;
  options.run = o.training.options(o.compute);
  const Json result = pretrain(options);
  std::cout << draw_document(
      result, o.format, {.table = render_training_table, .markdown = render_training_markdown});
}

// CONFIG.toml in the first place is --config CONFIG.toml.
std::vector<char*> with_config(int argc, char** argv, std::string& flag) {
  std::vector<char*> arguments(argv, argv + argc);
  if (argc > 1 && std::string(argv[1]).ends_with(".toml")) {
    arguments.insert(arguments.begin() + 1, flag.data());
  }
  return arguments;
}

}  // namespace
}  // namespace linscan::tools

int main(int argc, char** argv) {
  using namespace linscan::tools;
  PretrainCommand o;
  o.training.run.steps = 1000;
  o.training.run.batch_tokens = 8192;
  o.training.run.rate.peak = 1e-3;
  o.training.run.rate.warmup = 100;
  ToolApp tool(
      "linscan-pretrain-reg",
      "Trains a decoder on text, with the cosine or MSE regulariser on neighbouring states, "
      "and measures its linearity on the way.\n\n  linscan pretrain-reg CONFIG.toml",
      "linscan pretrain-reg configs/demo.toml --out build/demo-run");
  add_model_options(tool.cli(), o);
  o.text.add_to(tool.cli(), "", "Text for evaluation and linearity");
  add_regularizer_options(tool.cli(), o);
  o.training.add_to(tool.cli());
  o.compute.add_to(tool.cli());
  tool.cli()
      .add_option("--format", o.format, "What standard output shows")
      ->group("Output")
      ->check(CLI::IsMember({"table", "json", "markdown"}));
  std::string flag = "--config";
  std::vector<char*> arguments = with_config(argc, argv, flag);
  return tool.run(static_cast<int>(arguments.size()), arguments.data(), [&] { run(o); });
}
