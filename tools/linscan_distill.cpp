// linscan distill TEACHER STUDENT: heals what prune or linearize wrote.
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/compute_options.h"
#include "common/output.h"
#include "common/plan_file.h"
#include "common/run_main.h"
#include "common/train_options.h"
#include "linscan/base/device.h"
#include "linscan/base/error.h"
#include "linscan/base/log.h"
#include "linscan/base/system.h"
#include "linscan/edit/alignment.h"
#include "linscan/report/distillation.h"
#include "linscan/train/distillation_job.h"

namespace linscan::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBundledCorpus = "corpus/demo-stories.jsonl.gz";
constexpr int64_t kMostBlocks = 100000;

struct DistillCommand {
  std::string teacher;
  std::string student;
  DistillOptions options;
  TrainingTextFlags text;
  std::string loss = "kl=1";
  std::string train = "maps";
  TrainingOptions training;
  ComputeOptions compute;
  std::string format = "table";
};

void add_model_options(CLI::App& app, DistillCommand& o) {
  app.add_option("TEACHER", o.teacher, "The model as it was: HuggingFace folder")
      ->required()
      ->group("Model");
  app.add_option("STUDENT", o.student, "What linscan prune or linearize made of it, or any other")
      ->required()
      ->group("Model");
}

void add_distillation_options(CLI::App& app, DistillCommand& o) {
  const std::string group = "Distillation";
  app.add_option("--train",
                 o.train,
                 "maps: those that stand in place of blocks, and the projections that the plan "
                 "fitted; projections:auto: these alone; last:K: the last K blocks, the norm and "
                 "a head that is not tied; lora:R: additions of rank R to all matrices, merged at "
                 "the end; all")
      ->group(group)
      ->type_name("WHAT");
  app.add_option("--loss",
                 o.loss,
                 "Weights of kl (KL(teacher || student) of the predictions), mse and cosine "
                 "(distance of the states after every block) and ce (cross-entropy of the text), "
                 "like kl=1,mse=0.1")
      ->group(group)
      ->type_name("NAME=X,...");
  app.add_option("--temperature", o.options.kl.temperature, "Of both models' predictions in kl")
      ->group(group)
      ->check(CLI::Range(0.01, 100.0))
      ->type_name("X");
  app.add_option("--top-k",
                 o.options.kl.top_k,
                 "kl on the teacher's K likeliest tokens, the others as one; 0: all tokens")
      ->group(group)
      ->check(CLI::NonNegativeNumber)
      ->type_name("K");
  app.add_option("--cache-teacher",
                 o.options.teacher_cache,
                 "Keeps these K predictions in FILE: the teacher runs once for a piece of text, "
                 "however often and by however many students it is seen")
      ->group(group)
      ->type_name("FILE");
}

// What the plan beside the student's weights says of its blocks; nothing where there is none.
std::optional<EditHistory> read_history(const fs::path& student, DistillOptions& options) {
  const fs::path path = student / kPlanFile;
  if (!fs::exists(path)) {
    return std::nullopt;
  }
  const Json json = read_plan_file(path);
  const Json& model = json.at("model");
  LINSCAN_CHECK(model.contains("blocks") && model.at("blocks").is_number_integer() &&
                    model.at("blocks").get<int64_t>() > 0 &&
                    model.at("blocks").get<int64_t>() <= kMostBlocks,
                kInput,
                "{}: \"model\" does not say how many blocks the model had",
                path.string());
  const Alignment alignment =
      align_blocks(read_edit_plan(json, path.string()), model.at("blocks").get<int64_t>());
  options.files[kPlanFile] = json.dump(1) + "\n";  // the healed student has it too
  return EditHistory{model.at("weights_sha256").get<std::string>(),
                     alignment.source_blocks,
                     alignment.projections};
}

void run(DistillCommand& o) {
  DistillOptions& options = o.options;
  options.weights = parse_distillation_weights(o.loss);
  options.train = parse_train_choice(o.train);
  set_threads(o.compute.threads);
  options.teacher = o.teacher;
  options.student = o.student;
  options.text = o.text.options();
  if (options.text.data.empty()) {
    options.text.data.push_back(data_file(kBundledCorpus));
    log::warn(
        "trains on the bundled corpus of stories; name text like the model's own with --data");
  }
  options.run = o.training.options(o.compute);
  options.history = read_history(o.student, options);
  const Json result = distill(options);
  std::cout << draw_document(
      result,
      o.format,
      {.table = render_distillation_table, .markdown = render_distillation_markdown});
}

}  // namespace
}  // namespace linscan::tools

int main(int argc, char** argv) {
  using namespace linscan::tools;
  DistillCommand o;
  o.training.run.steps = 500;
  o.training.run.batch_tokens = 8192;
  o.training.run.rate.peak = 1e-3;
  o.training.run.rate.warmup = 20;
  o.training.run.adam.weight_decay = 0;  // weights that were good are not to shrink
  o.training.run.evaluate_every = 50;
  o.training.run.patience = 5;
  ToolApp tool(
      "linscan-distill",
      "Heals an edited model: trains what its edit fitted, or more, to predict as the "
      "model does that it was made of.",
      "linscan distill ./llama ./llama-cut --data stories.jsonl --train maps --out healed");
  add_model_options(tool.cli(), o);
  o.text.text.held_out_share = 0.05;
  o.text.add_to(tool.cli(), "the bundled corpus", "Text that the student is judged on");
  add_distillation_options(tool.cli(), o);
  o.training.add_to(tool.cli());
  o.compute.add_to(tool.cli());
  tool.cli()
      .add_option("--format", o.format, "What standard output shows")
      ->group("Output")
      ->check(CLI::IsMember({"table", "json", "markdown"}));
  return tool.run(argc, argv, [&] { run(o); });
}
