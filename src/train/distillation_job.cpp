#include "linscan/train/distillation_job.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "linscan/base/device.h"
#include "linscan/base/error.h"
#include "linscan/base/files.h"
#include "linscan/base/log.h"
#include "linscan/base/system.h"
#include "linscan/base/version.h"
#include "linscan/eval/verification.h"
#include "linscan/model/description.h"
#include "linscan/model/model_writer.h"
#include "linscan/train/distillation.h"
#include "train/distillation_pair.h"
#include "train/run_folder.h"
#include "train/teacher_cache.h"
#include "train/training_text.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kEvaluationRows = 4096;  // of a batch
constexpr int64_t kSmallTextEpochs = 4;    // more of them overfit

class Distillation {
 public:
  explicit Distillation(const DistillOptions& options);

  Json run();

 private:
  TrainChoice choose_weights() const;
  void prepare_text();
  void open_cache();
  Json config() const;
  DistillationObjective objective_of(TrainableModel& student);
  Json evaluate_written();
  void warn_about(const Json& before, const Json& after);
  Json document(const Json& before, const Json& after, const TrainResult& result) const;

  const DistillOptions& options_;
  fs::path folder_;
  fs::path model_folder_;
  Model teacher_source_;
  Model student_source_;
  std::string teacher_sha256_;
  std::string student_sha256_;
  at::Device device_;
  at::ScalarType dtype_;
  TrainChoice train_;
  ExportForm form_;
  std::vector<int64_t> aligned_;  // empty where no loss compares states
  std::optional<TrainingText> text_;
  HeldOutText held_out_;
  std::optional<FrozenModel> teacher_;
  std::optional<TeacherCache> cache_;
  std::vector<std::string> warnings_;
};

Distillation::Distillation(const DistillOptions& options)
    : options_(options),
      folder_(options.run.folder),
      model_folder_(folder_ / "model"),
      teacher_source_(open_model(options.teacher)),
      student_source_(open_model(options.student)),
      device_(parse_device(options.run.device)),
      dtype_(choose_compute_dtype(options.run.dtype, stored_in_16_bits(student_source_), device_)),
      form_(own_form(student_source_)) {
  check_pair(options_, teacher_source_, student_source_);
  if (!options_.run.resume) {
    RunFolder::require_new(folder_);
  }
  require_new_checkpoint(model_folder_, options_.student, options_.run.resume);
  options_.run.accumulation(
      options_.text.context);  // sizes that do not divide one another are refused
  train_ = choose_weights();
  teacher_sha256_ = teacher_source_.checkpoint.weights_sha256();
  student_sha256_ = student_source_.checkpoint.weights_sha256();
  if (options_.weights.compares_states()) {
    aligned_ = align_states(options_, teacher_source_, student_source_, teacher_sha256_);
  }
}

TrainChoice Distillation::choose_weights() const {
  TrainChoice choice = options_.train;
  const bool automatic = choice.kind == TrainChoice::Kind::kMaps ||
                         (choice.kind == TrainChoice::Kind::kProjections && choice.blocks.empty());
  if (automatic && options_.history) {
    choice.blocks = options_.history->projections;
  }
  if (automatic && choice.blocks.empty()) {
    LINSCAN_CHECK(
        choice.kind == TrainChoice::Kind::kMaps,
        kInput,
        "--train projections:auto: {} of {} names no fitted projections; name the blocks: "
        "projections:BLOCK,...",
        options_.history ? "the linscan_plan.json" : "no linscan_plan.json",
        options_.student.string());
  }
  for (const int64_t block : choice.blocks) {
    LINSCAN_CHECK(block < student_source_.config.blocks(),
                  kInput,
                  "--train {}: the student has blocks 0:{}",
                  to_string(choice),
                  student_source_.config.blocks());
  }
  return choice;
}

void Distillation::prepare_text() {
  const std::optional<Tokenizer> tokenizer = shared_tokenizer(options_, student_source_);
  text_.emplace(options_.text, options_.run, tokenizer ? &*tokenizer : nullptr, student_source_);
  held_out_ = held_out_text(text_->held_out(), kEvaluationRows);
  LINSCAN_CHECK(!held_out_.batches.empty(),
                kInput,
                "the held-out text has no window of two tokens, so nothing can be judged on it");
}

void Distillation::open_cache() {
  if (options_.teacher_cache.empty()) {
    return;
  }
  cache_.emplace(options_.teacher_cache,
                 Json{{"teacher", teacher_sha256_},
                      {"text", text_->shards().sha256()},
                      {"ctx", options_.text.context},
                      {"top-k", options_.kl.top_k},
                      {"temperature", options_.kl.temperature},
                      {"dtype", dtype_name(dtype_)}},
                 options_.text.context,
                 options_.kl.top_k);
}

Json Distillation::config() const {
  Json config = options_.run.decisive();
  config.update({{"context", options_.text.context},
                 {"data_sha256", text_->shards().sha256()},
                 {"held_out_sha256", text_->held_out().sha256},
                 {"teacher_sha256", teacher_sha256_},
                 {"weights_sha256", student_sha256_},
                 {"loss", to_string(options_.weights)},
                 {"temperature", options_.kl.temperature},
                 {"top_k", options_.kl.top_k},
                 {"train", to_string(train_)},
                 {"dtype", dtype_name(dtype_)}});
  if (!aligned_.empty()) {
    config["aligned"] = aligned_;
  }
  return config;
}

void Distillation::warn_about(const Json& before, const Json& after) {
  const int64_t tokens = options_.run.steps * options_.run.batch_tokens;
  const int64_t epoch = text_->order().windows() * options_.text.context;
  if (tokens > kSmallTextEpochs * epoch) {
    warnings_.push_back(
        fmt::format("the {} steps see the {} training tokens {:.1f} times; a small text is learned "
                    "by heart: more text is better than more steps",
                    options_.run.steps,
                    epoch,
                    static_cast<double>(tokens) / static_cast<double>(epoch)));
  }
  if (after["loss"].get<double>() >= before["loss"].get<double>()) {
    warnings_.push_back(fmt::format(
        "the training did not help: held-out loss {:.4g} before, {:.4g} after; try another "
        "learning rate or more text",
        before["loss"].get<double>(),
        after["loss"].get<double>()));
  }
  for (const std::string& warning : warnings_) {
    log::warn("{}", warning);
  }
}

Json Distillation::document(const Json& before,
                            const Json& after,
                            const TrainResult& result) const {
  Json document = {{"schema", "linscan.distillation/1"},
                   {"teacher", describe_model(teacher_source_)},
                   {"student", describe_model(student_source_)},
                   {"data", text_->describe()},
                   {"losses",
                    {{"kl", options_.weights.kl},
                     {"mse", options_.weights.mse},
                     {"cosine", options_.weights.cosine},
                     {"cross_entropy", options_.weights.cross_entropy},
                     {"temperature", options_.kl.temperature},
                     {"top_k", options_.kl.top_k}}},
                   {"train", to_string(train_)},
                   {"aligned", aligned_.empty() ? Json() : Json(aligned_)},
                   {"before", before},
                   {"after", after},
                   {"steps", result.steps},
                   {"stopped_early", result.stopped_early},
                   {"best_step", result.best_step ? Json(*result.best_step) : Json()}};
  document["teacher"]["weights_sha256"] = teacher_sha256_;
  document["student"]["weights_sha256"] = student_sha256_;
  document["compute"] = {{"device", device_.str()},
                         {"dtype", dtype_name(dtype_)},
                         {"threads", threads()},
                         {"tokens_per_second", result.tokens_per_second},
                         {"peak_memory_bytes", peak_memory_bytes()}};
  if (cache_) {
    document["teacher_cache"] = cache_->describe();
  }
  document["settings"] = config();
  document["checkpoint"] = result.checkpoint.string();
  document["warnings"] = warnings_;
  document["software"] = describe_software(torch_version());
  document["date"] = now_utc();
  document["seed"] = options_.run.seed;
  return document;
}

DistillationObjective Distillation::objective_of(TrainableModel& student) {
  const int64_t windows = options_.run.windows_of_micro_batch(options_.text.context);
  return {*teacher_,
          student,
          [this](int64_t step, int64_t micro) { return text_->batch(options_.run, step, micro); },
          held_out_,
          {.weights = options_.weights,
           .kl = options_.kl,
           .aligned = aligned_,
           .cache = cache_ ? &*cache_ : nullptr,
           .checkpointing = options_.run.checkpointing,
           .tokens_per_micro_batch = windows * options_.text.context}};
}

// The weights in the dtype that they are stored in, not the fp32 ones that were trained.
Json Distillation::evaluate_written() {
  const Model written = open_model(model_folder_);
  TrainableModel model(written, train_, dtype_, device_);
  return objective_of(model).evaluate();
}

Json Distillation::run() {
  prepare_text();
  if (device_.is_cpu()) {
    options_.run.require_memory(TrainableModel::held_bytes(student_source_, train_, dtype_) +
                                teacher_source_.weights.parameters() *
                                    static_cast<int64_t>(c10::elementSize(dtype_)));
  }
  teacher_.emplace(teacher_source_, dtype_, device_);
  open_cache();
  std::optional<TrainableModel> student;
  student.emplace(student_source_, train_, dtype_, device_, options_.run.seed);
  log::info("{} of {} parameters are trained ({}), {} training tokens, {} held out",
            student->trained_numbers(),
            student_source_.weights.parameters(),
            to_string(train_),
            text_->order().windows() * options_.text.context,
            text_->held_out().ids.size());
  DistillationObjective objective = objective_of(*student);
  const Json before = objective.evaluate();  // also of a resumed run: nothing is loaded yet
  TrainOptions train_options = options_.run.to_train();
  train_options.accumulation = options_.run.accumulation(options_.text.context);
  train_options.form = form_;
  train_options.config = config();
  train_options.label = "distill";
  const TrainResult result = train(*student, objective, train_options);

  const EditedModel healed = student->edited(/*as_stored=*/true);
  student.reset();
  CheckpointWriterOptions writer{.force = options_.run.resume};
  writer.files = options_.files;
  write_model(healed, model_folder_, form_, std::move(writer));
  const Verification verification =
      verify_written(healed, model_folder_, text_->held_out(), dtype_, device_);
  const Json after = evaluate_written();
  warn_about(before, after);
  Json finished = document(before, after, result);
  finished["export"] = {{"form", name(form_)},
                        {"path", fs::absolute(model_folder_).lexically_normal().string()}};
  finished["verification"] = {{"tokens", verification.tokens},
                              {"largest_logit_difference", verification.largest_logit_difference}};
  write_file_atomically(folder_ / "result.json", finished.dump(1) + "\n");
  log::info("wrote {} ({})", model_folder_.string(), name(form_));
  return finished;
}

}  // namespace

Json distill(const DistillOptions& options) {
  return Distillation(options).run();
}

}  // namespace linscan
