// linscan finetune MODEL: classification and reward models from several seeds, and what that did to
// the linearity of the blocks.
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/compute_options.h"
#include "common/data_options.h"
#include "common/output.h"
#include "common/run_main.h"
#include "common/train_options.h"
#include "linscan/analyze/analysis.h"
#include "linscan/base/device.h"
#include "linscan/base/error.h"
#include "linscan/model/model.h"
#include "linscan/report/finetuning.h"
#include "linscan/train/finetuning.h"

namespace linscan::tools {
namespace {

struct FinetuneCommand {
  FinetuneOptions options;
  std::string model;
  std::string task;
  std::string validation;
  std::string train = "all";
  DataOptions text;
  TrainingOptions training;
  ComputeOptions compute;
  std::string format = "table";
};

void add_task_options(CLI::App& app, FinetuneCommand& o) {
  const std::string group = "Task";
  app.add_option("--task",
                 o.task,
                 "Labelled texts, JSON lines: boolq, cb, multirc (SuperGLUE), text (any text and "
                 "label), reward (chosen and rejected)")
      ->required()
      ->group(group)
      ->type_name("KIND=FILE");
  app.add_option("--validation", o.validation, "Labelled texts that are not trained on")
      ->group(group)
      ->type_name("FILE");
  app.add_option("--validation-share",
                 o.options.validation_share,
                 "Share of --task that is not trained on, without --validation; texts that share "
                 "a passage stay together")
      ->group(group)
      ->check(CLI::Range(0.01, 0.9))
      ->type_name("X");
  app.add_option("--limit", o.options.labelled.limit, "The first N examples of a file; 0: all")
      ->group(group)
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  app.add_option("--classes",
                 o.options.labelled.classes,
                 "text: the classes in their order, comma-separated; default: those of the file, "
                 "sorted")
      ->group(group)
      ->delimiter(',')
      ->type_name("LIST");
  app.add_option("--label-field", o.options.labelled.label_field, "text: field with the label")
      ->group(group)
      ->type_name("NAME");
}

// Fine-tuning counts examples and epochs, where pretraining counts tokens and steps.
void add_training_options(CLI::App& app, FinetuneCommand& o) {
  o.training.add_to(app);
  for (const char* name : {"--steps", "--batch-tokens", "--micro-batch-tokens", "--warmup"}) {
    app.remove_option(app.get_option(name));
  }
  const std::string group = "Training";
  app.add_option("--train", o.train, "What is trained: all, lora:RANK or last:BLOCKS")
      ->group(group)
      ->type_name("WHAT");
  app.add_option("--epochs", o.options.epochs, "How often every example is seen")
      ->group(group)
      ->check(CLI::Range(1e-3, 1e6))
      ->type_name("X");
  app.add_option("--batch", o.options.batch, "Examples of a step")
      ->group(group)
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
      ->type_name("N");
  app.add_option("--micro-batch",
                 o.options.micro_batch,
                 "Examples that go through the model at once; gradients of a step are summed. 0: "
                 "the whole batch")
      ->group(group)
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  app.add_option("--warmup-share", o.options.warmup_share, "Share of the steps with linear warm-up")
      ->group(group)
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("X");
  app.add_option("--seeds", o.options.seeds, "How many trainings: --seed and those that follow it")
      ->group(group)
      ->check(CLI::Range(int64_t{1}, int64_t{1000}))
      ->type_name("N");
}

void run(FinetuneCommand& o) {
  set_threads(o.compute.threads);
  FinetuneOptions& options = o.options;
  options.model = o.model;
  options.task = parse_labelled_file(o.task, "--task");
  options.validation = o.validation;
  options.train = parse_train_choice(o.train);
  options.context = o.text.context;
  options.labelled.text_field = o.text.text_field;
  options.bundled_text = o.text.bundled();
  options.run = o.training.options(o.compute);
  const Model model = open_model(o.model);
  const int64_t tokens = o.text.tokens > 0 ? o.text.tokens : default_tokens(model.config.hidden);
  const TokenWindows text = load_windows(
      o.text, o.model, model.config.vocabulary, tokens, /*paper=*/false, options.run.seed);
  const Json result = finetune(options, text);
  std::cout << draw_document(
      result, o.format, {.table = render_finetuning_table, .markdown = render_finetuning_markdown});
}

}  // namespace
}  // namespace linscan::tools

int main(int argc, char** argv) {
  using namespace linscan::tools;
  FinetuneCommand o;
  o.training.run.rate.peak = 5e-5;
  o.training.run.adam.beta2 = 0.999;
  o.training.run.adam.weight_decay = 0.01;
  o.training.run.keep = 1;
  ToolApp tool("linscan-finetune",
               "Trains a decoder to classify texts, or to prefer one text over another, from "
               "several seeds, and measures what that does to the linearity of its blocks.",
               "linscan finetune ./opt-125m --task boolq=BoolQ/train.jsonl --seeds 3 --out "
               "opt-125m-boolq");
  tool.cli()
      .add_option("MODEL,-m,--model", o.model, "HuggingFace folder: config.json and weights")
      ->required()
      ->group("Model");
  add_task_options(tool.cli(), o);
  o.text.add_to(tool.cli());
  add_training_options(tool.cli(), o);
  o.compute.add_to(tool.cli());
  tool.cli()
      .add_option("--format", o.format, "What standard output shows")
      ->group("Output")
      ->check(CLI::IsMember({"table", "json", "markdown"}));
  return tool.run(argc, argv, [&] { run(o); });
}
