#include "linscan/train/pretraining.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
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
#include "linscan/model/random_model.h"
#include "linscan/text/boundary_tokens.h"
#include "linscan/text/tokenizer.h"
#include "linscan/train/language_model.h"
#include "train/run_folder.h"
#include "train/training_text.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kEvaluationRows = 4096;  // of a batch

// Everything a pretraining works with, made or found in the run's folder.
class Pretraining {
 public:
  explicit Pretraining(const PretrainOptions& options);

  Json run();

 private:
  fs::path tokenizer_folder() const;
  Json architecture() const;
  void prepare_model();
  void prepare_text();
  void measure(int64_t done);
  Json config() const;
  Json document(const TrainResult& result) const;

  const PretrainOptions& options_;
  fs::path folder_;
  std::optional<Tokenizer> tokenizer_;
  std::optional<Model> source_;
  std::optional<TrainingText> text_;
  std::vector<TrainBatch> held_out_batches_;
  std::optional<TrainableModel> model_;
};

Pretraining::Pretraining(const PretrainOptions& options)
    : options_(options), folder_(options.run.folder) {
  if (!options.run.resume) {
    RunFolder::require_new(folder_);
    for (const char* made : {"initial", "tokenizer"}) {
      LINSCAN_CHECK(!fs::exists(folder_ / made),
                    kInput,
                    "{}: is there already, of a run that did not begin; add --resume, or choose "
                    "another folder",
                    (folder_ / made).string());
    }
  }
  std::error_code error;
  fs::create_directories(folder_, error);
  LINSCAN_CHECK(!error, kInput, "{}: cannot be made: {}", folder_.string(), error.message());
}

fs::path Pretraining::tokenizer_folder() const {
  if (!options_.tokenizer.empty()) {
    return options_.tokenizer;
  }
  return options_.from.empty() ? folder_ / "tokenizer" : options_.from;
}

Json Pretraining::architecture() const {
  Json config =
      fs::is_regular_file(options_.architecture)
          ? read_json_file(options_.architecture)
          : preset_architecture(
                options_.architecture, tokenizer_->vocabulary_size(), options_.text.context);
  // Ids are the tokenizer's matter: a config.json that was written for another one names others.
  const BoundaryTokens tokens = read_boundary_tokens(tokenizer_folder(), *tokenizer_);
  for (const auto& [key, id] :
       {std::pair("bos_token_id", tokens.bos), std::pair("eos_token_id", tokens.eos)}) {
    if (id && config.is_object()) {
      config[key] = *id;
    }
  }
  return config;
}

void Pretraining::prepare_model() {
  // Until there is a checkpoint nothing depends on what an earlier start has made, perhaps with
  // other options: it is made again.
  const bool begun = options_.run.resume && !RunFolder(folder_, true).checkpoints().empty();
  const fs::path own = folder_ / "tokenizer";
  if (tokenizer_folder() == own && !begun) {
    LINSCAN_CHECK(options_.vocabulary > 0,
                  kUsage,
                  "no tokenizer: name a folder with --tokenizer, or train one with --vocabulary N");
    train_tokenizer({.inputs = options_.text.data,
                     .text_field = options_.text.text_field,
                     .vocabulary = options_.vocabulary,
                     .kind = options_.tokenizer_kind,
                     .seed = options_.run.seed},
                    own,
                    /*force=*/true);
  }
  tokenizer_.emplace(Tokenizer::load(tokenizer_folder()));
  fs::path source = options_.from;
  if (source.empty()) {
    source = folder_ / "initial";
    if (!begun) {
      CheckpointWriterOptions writer;
      writer.force = true;
      writer.tokenizer = tokenizer_folder();
      const std::string where = fs::is_regular_file(options_.architecture)
                                    ? options_.architecture
                                    : "preset " + options_.architecture;
      write_random_model(architecture(), where, source, options_.run.seed, writer);
    }
  }
  source_.emplace(open_model(source));
  require_tokenizer_fits(*tokenizer_, source_->config.vocabulary);
  LINSCAN_CHECK(options_.text.context <= source_->config.max_positions,
                kUsage,
                "--ctx {}: the model was made for at most {} positions",
                options_.text.context,
                source_->config.max_positions);
}

void Pretraining::prepare_text() {
  text_.emplace(options_.text, options_.run, &*tokenizer_, *source_);
  held_out_batches_ = next_token_batches(text_->held_out(), kEvaluationRows);
}

// Mean over blocks of a held-out score.
Json mean_of(const Json& blocks, const char* variant) {
  double sum = 0;
  for (const Json& block : blocks) {
    const Json& score = block.at("linearity").at(variant).at("held_out");
    if (!score.is_number()) {
      return nullptr;
    }
    sum += score.get<double>();
  }
  return sum / static_cast<double>(blocks.size());
}

void Pretraining::measure(int64_t done) {
  AnalysisOptions options;
  options.metrics = {.linearity = true, .baselines = false, .geometry = true, .tokens = false};
  options.context = options_.text.context;
  options.seed = options_.run.seed;
  options.device = options_.run.device;
  options.dtype = "fp32";
  options.memory_limit = options_.run.memory_limit;
  Analysis analysis = analyze(model_->edited(/*as_stored=*/false), text_->held_out(), options);
  LINSCAN_CHECK(analysis.failure.empty(), kNumeric, "{}", analysis.failure);
  analysis.result["training"] = {{"step", done}, {"tokens", done * options_.run.batch_tokens}};
  fs::create_directories(folder_ / "linearity");
  write_file_atomically(folder_ / "linearity" / fmt::format("step-{:08}.json", done),
                        analysis.result.dump(1) + "\n");
}

Json Pretraining::config() const {
  const RegularizerOptions& reg = options_.regularizer;
  Json config = options_.run.decisive();
  config.update({{"context", options_.text.context},
                 {"dtype", dtype_name(model_->compute_dtype())},
                 {"data_sha256", text_->shards().sha256()},
                 {"weights_sha256", source_->checkpoint.weights_sha256()},
                 {"regularizer",
                  {{"kind", name(reg.kind)},
                   {"lambda", reg.lambda},
                   {"push_apart", reg.push_apart},
                   {"mean_over_pairs", reg.mean_over_pairs},
                   {"mean_over_features", reg.mean_over_features},
                   {"embedding", reg.embedding},
                   {"post_norm", reg.post_norm}}}});
  return config;
}

Json Pretraining::document(const TrainResult& result) const {
  Json dynamics = Json::array();
  std::vector<fs::path> files;
  if (fs::exists(folder_ / "linearity")) {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_ / "linearity")) {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    const Json analysis = read_json_file(file);
    dynamics.push_back({{"step", analysis.at("training").at("step")},
                        {"stream", mean_of(analysis.at("blocks"), "stream")},
                        {"update", mean_of(analysis.at("blocks"), "update")}});
  }
  Json document = {{"schema", "linscan.training/1"},
                   {"command", "pretrain-reg"},
                   {"model", describe_model(*source_)},
                   {"data", text_->describe()},
                   {"compute",
                    {{"device", model_->device().str()},
                     {"threads", threads()},
                     {"tokens_per_second", result.tokens_per_second},
                     {"peak_memory_bytes", peak_memory_bytes()}}},
                   {"software", describe_software(torch_version())},
                   {"date", now_utc()},
                   {"seed", options_.run.seed},
                   {"settings", config()},
                   {"steps", result.steps},
                   {"stopped_early", result.stopped_early},
                   {"evaluation", result.evaluation},
                   {"linearity", dynamics},
                   {"checkpoint", result.checkpoint.string()}};
  document["settings"]["evaluate_every"] = options_.run.evaluate_every;
  return document;
}

Json Pretraining::run() {
  prepare_model();
  prepare_text();
  const at::Device device = parse_device(options_.run.device);
  // Weights are fp32 masters; what is multiplied in is a choice of its own.
  const at::ScalarType dtype =
      choose_compute_dtype(options_.run.dtype, stored_in_16_bits(*source_), device);
  if (device.is_cpu()) {
    options_.run.require_memory(TrainableModel::held_bytes(*source_, TrainChoice{}, dtype));
  }
  model_.emplace(*source_, TrainChoice{}, dtype, device, options_.run.seed);
  log::info("{} parameters, {} training tokens in windows of {}, {} held out",
            model_->trained_numbers(),
            text_->order().windows() * options_.text.context,
            options_.text.context,
            text_->held_out().ids.size());
  const int64_t windows = options_.run.windows_of_micro_batch(options_.text.context);
  LanguageModelObjective objective(
      *model_,
      [this](int64_t step, int64_t micro) { return text_->batch(options_.run, step, micro); },
      held_out_batches_,
      {.regularizer = options_.regularizer,
       .checkpointing = options_.run.checkpointing,
       .tokens_per_micro_batch = windows * options_.text.context});
  TrainOptions train_options = options_.run.to_train();
  train_options.accumulation = options_.run.accumulation(options_.text.context);
  train_options.config = config();
  train_options.label = "pretrain";
  if (options_.measure_points > 0) {
    const std::vector<int64_t> steps =
        logarithmic_steps(options_.run.steps, options_.measure_points);
    train_options.measures_at = [steps](int64_t done) {
      return std::ranges::binary_search(steps, done);
    };
    train_options.measure = [this](int64_t done) { measure(done); };
  }
  const TrainResult result = train(*model_, objective, train_options);
  CheckpointWriterOptions writer;
  writer.force = true;  // of an earlier run of the same training
  write_model(model_->edited(/*as_stored=*/true), folder_ / "model", ExportForm::kStock, writer);
  const Json finished = document(result);
  write_file_atomically(folder_ / "result.json", finished.dump(1) + "\n");
  return finished;
}

}  // namespace

Json pretrain(const PretrainOptions& options) {
  return Pretraining(options).run();
}

}  // namespace linscan
