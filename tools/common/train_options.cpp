#include "common/train_options.h"

namespace linscan::tools {
namespace {

void add_training_options(CLI::App& app, TrainingOptions& o) {
  const std::string group = "Training";
  app.add_option("--steps", o.run.steps, "Steps of the optimiser")
      ->group(group)
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  app.add_option("--batch-tokens", o.run.batch_tokens, "Tokens of a step")
      ->group(group)
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  app.add_option("--micro-batch-tokens",
                 o.run.micro_batch_tokens,
                 "Tokens that go through the model at once; gradients of a step are summed. 0: the "
                 "whole batch")
      ->group(group)
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  app.add_option("--lr", o.run.rate.peak, "Peak learning rate")
      ->group(group)
      ->check(CLI::PositiveNumber)
      ->type_name("X");
  app.add_option("--schedule", o.schedule, "Learning rate after the warm-up")
      ->group(group)
      ->check(CLI::IsMember({"constant", "cosine", "wsd"}));
  app.add_option("--warmup", o.run.rate.warmup, "Steps of linear warm-up")
      ->group(group)
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  app.add_option(
         "--final-lr-share", o.run.rate.final_share, "Last learning rate as a share of the peak")
      ->group(group)
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("X");
  app.add_option("--decay-share", o.run.rate.decay_share, "wsd: share of the steps that decay")
      ->group(group)
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("X");
  app.add_option("--weight-decay", o.run.adam.weight_decay, "Of matrices, not of norms and biases")
      ->group(group)
      ->check(CLI::NonNegativeNumber)
      ->type_name("X");
  app.add_option("--beta1", o.run.adam.beta1, "AdamW's first decay")
      ->group(group)
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("X");
  app.add_option("--beta2", o.run.adam.beta2, "AdamW's second decay")
      ->group(group)
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("X");
  app.add_option("--clip", o.run.adam.gradient_clip, "Largest norm of all gradients; 0: any")
      ->group(group)
      ->check(CLI::NonNegativeNumber)
      ->type_name("X");
  app.add_flag("--checkpointing",
               o.run.checkpointing,
               "Make the activations inside blocks again instead of keeping them: less memory, "
               "a third more time")
      ->group(group);
  app.add_option("--seed", o.run.seed, "Of fresh weights and of the order of the data")
      ->group(group)
      ->type_name("N");
}

void add_run_options(CLI::App& app, TrainingOptions& o) {
  const std::string group = "Run";
  app.add_option("-o,--out", o.out, "Folder of the run: log, checkpoints, the trained model")
      ->required()
      ->group(group)
      ->type_name("DIR");
  app.add_flag("--resume",
               o.run.resume,
               "Go on from the newest checkpoint in --out; bit for bit as if it had never stopped")
      ->group(group);
  app.add_option("--checkpoint-every",
                 o.run.checkpoint_every,
                 "Steps between checkpoints; 0: at the end, and when the run is stopped")
      ->group(group)
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  app.add_option("--keep", o.run.keep, "Newest checkpoints that stay; 0: all")
      ->group(group)
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  app.add_option("--eval-every",
                 o.run.evaluate_every,
                 "Steps between evaluations on held-out data; 0: at the end")
      ->group(group)
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  app.add_option("--patience",
                 o.run.patience,
                 "End after N evaluations without improvement, with the best weights; 0: never")
      ->group(group)
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  app.add_option("--log-every", o.run.log_every, "Steps between lines of train.jsonl")
      ->group(group)
      ->check(CLI::PositiveNumber)
      ->type_name("N");
}

}  // namespace

void TrainingTextFlags::add_to(CLI::App& app,
                               const std::string& data_default,
                               const std::string& held_out_purpose) {
  CLI::Option* files = app.add_option(
      "--data",
      data,
      "Training text (.txt), JSON lines (.jsonl, also .gz .zst) or raw token ids (.i32, .u16)" +
          (data_default.empty() ? "" : "; default: " + data_default));
  files->required(data_default.empty())->group("Data")->type_name("FILE");
  app.add_option(
         "--held-out", held_out, held_out_purpose + "; default: the last documents of --data")
      ->group("Data")
      ->type_name("FILE");
  app.add_option("--held-out-share",
                 text.held_out_share,
                 "Share of the documents that is held out, without --held-out")
      ->group("Data")
      ->check(CLI::Range(1e-6, 0.5))
      ->type_name("X");
  app.add_option("--held-out-tokens", text.held_out_tokens, "Most tokens of the held-out text")
      ->group("Data")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  app.add_option("--text-field", text.text_field, "Field of a JSON line that holds the text")
      ->group("Data")
      ->type_name("NAME");
  app.add_option("--shards",
                 shards,
                 "Folder for the tokenized text, to be used by several runs; default: data/ of the "
                 "run")
      ->group("Data")
      ->type_name("DIR");
  app.add_option("--ctx", text.context, "Window length in tokens")
      ->group("Data")
      ->check(CLI::Range(int64_t{2}, int64_t{1} << 20))
      ->type_name("N");
}

TrainingTextOptions TrainingTextFlags::options() const {
  TrainingTextOptions options = text;
  options.data.assign(data.begin(), data.end());
  options.held_out.assign(held_out.begin(), held_out.end());
  options.shards = shards;
  return options;
}

void TrainingOptions::add_to(CLI::App& app) {
  add_training_options(app, *this);
  add_run_options(app, *this);
}

RunOptions TrainingOptions::options(const ComputeOptions& compute) const {
  RunOptions options = run;
  options.folder = out;
  options.rate.kind = parse_schedule(schedule);
  options.device = compute.device;
  options.dtype = compute.dtype;
  options.memory_limit = compute.memory_limit_bytes();
  return options;
}

}  // namespace linscan::tools
