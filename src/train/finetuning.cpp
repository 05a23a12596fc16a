#include "linscan/train/finetuning.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "linscan/analyze/analysis.h"
#include "linscan/base/device.h"
#include "linscan/base/error.h"
#include "linscan/base/files.h"
#include "linscan/base/log.h"
#include "linscan/base/system.h"
#include "linscan/base/version.h"
#include "linscan/model/description.h"
#include "linscan/model/model.h"
#include "linscan/model/model_writer.h"
#include "linscan/text/tokenizer.h"
#include "linscan/train/classification.h"
#include "train/finetuning_figures.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRewardClass = "reward";

// The labelled examples of both parts, and what is to be said about them.
struct Task {
  LabelledSet set;
  Json data;
};

class Finetuning {
 public:
  Finetuning(const FinetuneOptions& options, const TokenWindows& text);

  Json run();

 private:
  struct SeedRun {
    Json document;  // of the result's "seeds"
    Json blocks;    // figures after training
  };

  void read_task();
  SeedRun train_seed(uint64_t seed);
  Analysis measure(const EditedModel* trained) const;
  Json config(uint64_t seed) const;
  ClassificationOptions objective_options(uint64_t seed) const;
  TrainOptions train_options(uint64_t seed) const;
  void write_trained(const TrainableModel& model,
                     const at::Tensor& head,
                     const fs::path& folder) const;
  Json document(const Json& before_blocks, const std::vector<SeedRun>& runs) const;

  const FinetuneOptions& options_;
  const TokenWindows& text_;
  fs::path folder_;
  Model source_;
  Task task_;
  Json before_;  // analysis of the source
};

Finetuning::Finetuning(const FinetuneOptions& options, const TokenWindows& text)
    : options_(options),
      text_(text),
      folder_(options.run.folder),
      source_(open_model(options.model)) {
  LINSCAN_CHECK(options.context <= source_.config.max_positions,
                kInput,
                "--ctx {}: {} was made for at most {} positions",
                options.context,
                options.model.string(),
                source_.config.max_positions);
  const int64_t micro = options.micro_batch > 0 ? options.micro_batch : options.batch;
  LINSCAN_CHECK(options.batch % micro == 0,
                kUsage,
                "--batch {}: expected a multiple of --micro-batch {}",
                options.batch,
                micro);
}

// How many examples of each class there are; of preferences nothing.
Json count_labels(const LabelledSet& set, const std::vector<LabelledExample>& examples) {
  Json counts = Json::object();
  for (size_t k = 0; k < set.classes.size(); ++k) {
    counts[set.classes[k]] =
        std::ranges::count(examples, static_cast<int64_t>(k), &LabelledExample::label);
  }
  return counts;
}

void Finetuning::read_task() {
  const LabelledTexts texts =
      read_labelled(options_.task.kind, options_.task.file, options_.labelled);
  const Tokenizer tokenizer = Tokenizer::load(options_.model);
  const auto encode = [&](const LabelledTexts& read) {
    return encode_labelled(read, tokenizer, source_.config.vocabulary, options_.context);
  };
  EncodedTexts encoded = encode(texts);
  LabelledSet& set = task_.set;
  set.classes = texts.classes;
  task_.data = {{"task", name(options_.task.kind)},
                {"file", options_.task.file.string()},
                {"sha256", texts.sha256},
                {"ctx", options_.context}};
  if (options_.validation.empty()) {
    const LabelledSplit split = split_labelled(texts, options_.validation_share, options_.run.seed);
    for (const size_t i : split.first) {
      set.train.push_back(std::move(encoded.examples[i]));
    }
    for (const size_t i : split.second) {
      set.validation.push_back(std::move(encoded.examples[i]));
    }
    task_.data["validation_share"] = options_.validation_share;
  } else {
    LabelledOptions same_classes = options_.labelled;
    same_classes.classes = texts.classes;
    const LabelledTexts others =
        read_labelled(options_.task.kind, options_.validation, same_classes);
    EncodedTexts validation = encode(others);
    set.train = std::move(encoded.examples);
    set.validation = std::move(validation.examples);
    encoded.cut += validation.cut;
    encoded.longest = std::max(encoded.longest, validation.longest);
    encoded.tokens += validation.tokens;
    task_.data["validation_file"] = options_.validation.string();
    task_.data["validation_sha256"] = others.sha256;
  }
  task_.data["tokens"] = encoded.tokens;
  task_.data["longest"] = encoded.longest;
  task_.data["cut"] = encoded.cut;
  for (const auto& [part, examples] :
       {std::pair("train", &set.train), std::pair("validation", &set.validation)}) {
    task_.data[part] = {{"examples", examples->size()}, {"labels", count_labels(set, *examples)}};
  }
  const auto& labels = task_.data["train"]["labels"];
  for (const auto& [label, count] : labels.items()) {
    LINSCAN_CHECK(count != task_.data["train"]["examples"],
                  kInput,
                  "{}: all {} training examples are of class '{}' after the split; take another "
                  "--seed, or a --validation file",
                  options_.task.file.string(),
                  count.get<int64_t>(),
                  label);
  }
  if (encoded.cut > 0) {
    log::warn("{} texts are longer than {} tokens (the longest has {}): their beginnings are cut",
              encoded.cut,
              options_.context,
              encoded.longest);
  }
}

Analysis Finetuning::measure(const EditedModel* trained) const {
  AnalysisOptions options;
  options.metrics = {.linearity = true, .baselines = false, .geometry = true, .tokens = false};
  options.context = options_.context;
  options.seed = options_.run.seed;
  options.device = options_.run.device;
  options.dtype = "fp32";
  options.memory_limit = options_.run.memory_limit;
  options.bundled_data = options_.bundled_text;
  Analysis analysis =
      trained != nullptr ? analyze(*trained, text_, options) : analyze(source_, text_, options);
  LINSCAN_CHECK(analysis.failure.empty(), kNumeric, "{}", analysis.failure);
  return analysis;
}

// What decides the weights of a seed.
Json Finetuning::config(uint64_t seed) const {
  Json config = options_.run.decisive();
  for (const char* key : {"batch_tokens", "micro_batch_tokens", "warmup"}) {
    config.erase(key);  // counted in examples and epochs here
  }
  config["seed"] = seed;
  config["split_seed"] = options_.run.seed;
  config["steps"] = steps_of_epochs(task_.set, options_.epochs, objective_options(seed));
  config["epochs"] = options_.epochs;
  config["batch"] = options_.batch;
  config["micro_batch"] = options_.micro_batch;
  config["warmup_share"] = options_.warmup_share;
  config["train"] = to_string(options_.train);
  config["ctx"] = options_.context;
  config["task"] = task_.data["task"];
  config["data_sha256"] = task_.data["sha256"];
  config["examples"] = {task_.set.train.size(), task_.set.validation.size()};
  config["weights_sha256"] = before_.at("model").at("weights_sha256");
  return config;
}

ClassificationOptions Finetuning::objective_options(uint64_t seed) const {
  const int64_t micro = options_.micro_batch > 0 ? options_.micro_batch : options_.batch;
  return {.batch = micro,
          .accumulation = options_.batch / micro,
          .seed = seed,
          .checkpointing = options_.run.checkpointing};
}

TrainOptions Finetuning::train_options(uint64_t seed) const {
  TrainOptions options = options_.run.to_train();
  const ClassificationOptions objective = objective_options(seed);
  options.folder = folder_ / fmt::format("seed-{}", seed);
  options.rate.steps = steps_of_epochs(task_.set, options_.epochs, objective);
  options.rate.warmup =
      std::llround(options_.warmup_share * static_cast<double>(options.rate.steps));
  options.accumulation = objective.accumulation;
  options.config = config(seed);
  options.label = fmt::format("seed {}", seed);
  return options;
}

void Finetuning::write_trained(const TrainableModel& model,
                               const at::Tensor& head,
                               const fs::path& folder) const {
  Classifier classifier{head.detach().to(at::kCPU), task_.set.classes};
  if (task_.set.preferences()) {
    classifier.classes = {kRewardClass};
  }
  CheckpointWriterOptions writer;
  writer.force = true;  // of an earlier run of the same training
  write_model(
      model.edited(/*as_stored=*/true), folder, ExportForm::kStock, std::move(writer), &classifier);
}

Finetuning::SeedRun Finetuning::train_seed(uint64_t seed) {
  const at::Device device = parse_device(options_.run.device);
  const at::ScalarType dtype =
      choose_compute_dtype(options_.run.dtype, stored_in_16_bits(source_), device);
  if (device.is_cpu()) {
    options_.run.require_memory(TrainableModel::held_bytes(source_, options_.train, dtype));
  }
  TrainableModel model(source_, options_.train, dtype, device, seed);
  ClassificationObjective objective(model, task_.set, objective_options(seed));
  const TrainOptions options = train_options(seed);
  const TrainResult result = train(model, objective, options);
  const fs::path folder = options.folder / "model";
  write_trained(model, objective.head(), folder);
  const EditedModel trained = model.edited(/*as_stored=*/true);
  Analysis after = measure(&trained);
  after.result["training"] = {{"seed", seed}, {"step", result.steps}};
  write_file_atomically(options.folder / "after.json", after.result.dump(1) + "\n");
  Json blocks = finetuning_figures(after.result);
  const Json means = mean_over_blocks(blocks);
  Json run = {{"seed", seed},
              {"steps", result.steps},
              {"stopped_early", result.stopped_early},
              {"trained_numbers", model.trained_numbers() + objective.head().numel()},
              {"tokens_per_second", result.tokens_per_second},
              {"evaluation", result.evaluation},
              {"after", means},
              {"change", difference(means, mean_over_blocks(finetuning_figures(before_)))},
              {"model", folder.string()}};
  return {std::move(run), std::move(blocks)};
}

// The figures of the seeds' objects under `key`.
Json spread_over(const std::vector<Json>& runs, const char* key) {
  std::vector<Json> objects;
  for (const Json& run : runs) {
    objects.push_back(run.at(key));
  }
  return spread(objects);
}

Json Finetuning::document(const Json& before_blocks, const std::vector<SeedRun>& runs) const {
  std::vector<Json> seeds;
  std::vector<Json> after;
  for (const SeedRun& run : runs) {
    seeds.push_back(run.document);
    after.push_back(run.blocks);
  }
  Json settings = config(options_.run.seed);
  settings.erase("seed");
  settings["seeds"] = options_.seeds;
  Json warnings = before_.at("warnings");
  if (const int64_t cut = task_.data["cut"].get<int64_t>(); cut > 0) {
    warnings.push_back(
        fmt::format("{} labelled texts lost their beginnings to --ctx {}", cut, options_.context));
  }
  return {{"schema", "linscan.finetuning/1"},
          {"model", before_.at("model")},
          {"task", task_.data},
          {"data", before_.at("data")},
          {"n", before_.at("n")},
          {"d", before_.at("d")},
          {"null_in_sample", before_.at("null_in_sample")},
          {"settings", settings},
          {"seed", options_.run.seed},
          {"before", mean_over_blocks(before_blocks)},
          {"after", spread_over(seeds, "after")},
          {"change", spread_over(seeds, "change")},
          {"evaluation", spread_over(seeds, "evaluation")},
          {"blocks", change_of_blocks(before_blocks, after)},
          {"seeds", seeds},
          {"compute",
           {{"device", before_.at("compute").at("device")},
            {"threads", threads()},
            {"peak_memory_bytes", peak_memory_bytes()}}},
          {"software", describe_software(torch_version())},
          {"date", now_utc()},
          {"warnings", warnings}};
}

Json Finetuning::run() {
  read_task();
  std::error_code error;
  fs::create_directories(folder_, error);
  LINSCAN_CHECK(!error, kInput, "{}: cannot be made: {}", folder_.string(), error.message());
  before_ = measure(nullptr).result;
  write_file_atomically(folder_ / "before.json", before_.dump(1) + "\n");
  std::vector<SeedRun> runs;
  for (int64_t i = 0; i < options_.seeds; ++i) {
    runs.push_back(train_seed(options_.run.seed + static_cast<uint64_t>(i)));
  }
  Json result = document(finetuning_figures(before_), runs);
  write_file_atomically(folder_ / "result.json", result.dump(1) + "\n");
  return result;
}

}  // namespace

Json finetune(const FinetuneOptions& options, const TokenWindows& text) {
  return Finetuning(options, text).run();
}

}  // namespace linscan
