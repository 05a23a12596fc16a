#include "linscan/train/loop.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>

#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/base/log.h"
#include "linscan/base/progress.h"
#include "train/run_folder.h"

namespace linscan {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Those of the model, then those of the objective.
std::vector<Parameter> all_parameters(const TrainableModel& model, const Objective& objective) {
  std::vector<Parameter> parameters = model.parameters();
  for (Parameter& parameter : objective.parameters()) {
    parameters.push_back(std::move(parameter));
  }
  return parameters;
}

class Training {
 public:
  Training(TrainableModel& model, Objective& objective, const TrainOptions& options)
      : model_(model),
        objective_(objective),
        options_(options),
        folder_(options.folder, options.resume),
        optimizer_(all_parameters(model, objective), options.adam) {}

  TrainResult run();

 private:
  void resume();
  void take_step();
  void log_step(const std::map<std::string, double>& parts, double rate, double norm);
  bool evaluates_after(int64_t done) const;
  void evaluate();
  void checkpoint();
  void measure();

  TrainableModel& model_;
  Objective& objective_;
  const TrainOptions& options_;
  RunFolder folder_;
  AdamW optimizer_;
  TrainingProgress progress_;
  Json evaluation_;
  int64_t first_step_ = 0;
  double step_seconds_ = 0;  // spent in steps of this run
  std::string status_;       // for the progress line
};

void Training::resume() {
  const std::vector<int64_t> steps = folder_.checkpoints();
  if (!steps.empty()) {
    progress_ = folder_.read_checkpoint(steps.back(), optimizer_, options_.config);
    log::info("goes on from step {} of {}", progress_.step, options_.folder.string());
  }
  folder_.clean_up(progress_.step);
}

void Training::take_step() {
  const auto start = Clock::now();
  std::map<std::string, double> parts;
  optimizer_.zero_gradients();
  LossParts sums;
  for (int64_t micro = 0; micro < options_.accumulation; ++micro) {
    const LossParts losses = objective_.accumulate(
        progress_.step, micro, 1.0 / static_cast<double>(options_.accumulation));
    for (const auto& [name, value] : losses) {
      const auto sum = std::ranges::find(sums, name, &LossParts::value_type::first);
      if (sum == sums.end()) {
        sums.emplace_back(name, value);
      } else {
        sum->second = sum->second + value;
      }
    }
  }
  bool finite = true;
  for (const auto& [name, value] : sums) {
    parts[name] = value.item<double>();
    finite = finite && std::isfinite(parts[name]);
  }
  const double rate = options_.rate.at(progress_.step);
  const double norm = finite ? optimizer_.step(rate) : NAN;
  if (!std::isfinite(norm)) {
    const std::vector<int64_t> kept = folder_.checkpoints();
    fail(ErrorKind::kNumeric,
         "step {}: the {} not finite; the training stops with the weights as they were, {}; try a "
         "lower learning rate or a longer warm-up",
         progress_.step + 1,
         finite ? "gradients are" : "loss is",
         kept.empty() ? "no checkpoint was written yet"
                      : "the last checkpoint is " + folder_.checkpoint(kept.back()).string());
  }
  ++progress_.step;
  step_seconds_ += seconds_since(start);
  log_step(parts, rate, norm);
}

void Training::log_step(const std::map<std::string, double>& parts, double rate, double norm) {
  double loss = 0;
  std::string shown;
  for (const auto& [name, value] : parts) {
    loss += value;
    shown += parts.size() > 1 ? fmt::format(" {} {:.4f}", name, value) : "";
  }
  const int64_t tokens_of_step = objective_.tokens_per_micro_batch() * options_.accumulation;
  const double speed =
      static_cast<double>((progress_.step - first_step_) * tokens_of_step) / step_seconds_;
  status_ = fmt::format(
      "loss {:.4f}{}, lr {:.2e}, gradient {:.2f}, {:.0f} tokens/s", loss, shown, rate, norm, speed);
  if (options_.log_every > 0 && progress_.step % options_.log_every == 0) {
    folder_.append_log({{"step", progress_.step},
                        {"tokens", progress_.step * tokens_of_step},
                        {"loss", loss},
                        {"parts", parts},
                        {"learning_rate", rate},
                        {"gradient_norm", norm},
                        {"tokens_per_second", speed}});
  }
}

bool Training::evaluates_after(int64_t done) const {
  return done == options_.rate.steps ||
         (options_.evaluate_every > 0 && done % options_.evaluate_every == 0);
}

void Training::evaluate() {
  const at::NoGradGuard no_grad;
  evaluation_ = objective_.evaluate();
  if (evaluation_.empty()) {
    return;
  }
  folder_.append_log({{"step", progress_.step}, {"evaluation", evaluation_}});
  const double loss = evaluation_.at("loss").get<double>();
  if (!progress_.best_loss || loss < *progress_.best_loss) {
    progress_.best_loss = loss;
    progress_.best_step = progress_.step;
    progress_.evaluations_since_best = 0;
  } else {
    ++progress_.evaluations_since_best;
  }
}

void Training::checkpoint() {
  const InterruptHeldBack until_written;
  folder_.write_checkpoint(model_, optimizer_, progress_, options_.config, options_.form);
  const bool keeps_best = options_.patience > 0;
  folder_.prune(options_.keep, keeps_best ? progress_.best_step : std::nullopt);
}

void Training::measure() {
  if (options_.measures_at && options_.measures_at(progress_.step)) {
    const at::NoGradGuard no_grad;
    options_.measure(progress_.step);
  }
}

TrainResult Training::run() {
  if (options_.resume) {
    resume();
  }
  first_step_ = progress_.step;
  const int64_t steps = options_.rate.steps;
  TrainResult result;
  Progress bar(options_.label, "steps", steps);
  if (progress_.step == 0) {
    measure();
  }
  while (progress_.step < steps) {
    take_step();
    bar.update(progress_.step, status_);
    measure();
    if (evaluates_after(progress_.step)) {
      evaluate();
    }
    const bool best = options_.patience > 0 && progress_.best_step == progress_.step;
    const bool due =
        options_.checkpoint_every > 0 && progress_.step % options_.checkpoint_every == 0;
    result.stopped_early =
        options_.patience > 0 && progress_.evaluations_since_best >= options_.patience;
    const bool stopped = interrupt_requested();
    if (best || due || stopped || result.stopped_early || progress_.step == steps) {
      checkpoint();
    }
    if (stopped && progress_.step < steps) {
      log::warn("stopped after step {}: a checkpoint was written, --resume goes on from there",
                progress_.step);
      throw Interrupted();
    }
    if (result.stopped_early) {
      break;
    }
  }
  bar.finish();
  result.steps = progress_.step;
  result.best_step = progress_.best_step;
  result.checkpoint = folder_.checkpoint(progress_.step);
  const int64_t tokens = objective_.tokens_per_micro_batch() * options_.accumulation;
  result.tokens_per_second =
      step_seconds_ > 0
          ? static_cast<double>((progress_.step - first_step_) * tokens) / step_seconds_
          : 0;
  if (options_.patience > 0 && progress_.best_step && *progress_.best_step != progress_.step) {
    folder_.read_checkpoint(*progress_.best_step, optimizer_, options_.config);
    evaluation_ = Json();
  }
  if (evaluation_.empty()) {
    const at::NoGradGuard no_grad;
    evaluation_ = objective_.evaluate();
  }
  result.evaluation = evaluation_;
  return result;
}

}  // namespace

TrainResult train(TrainableModel& model, Objective& objective, const TrainOptions& options) {
  return Training(model, objective, options).run();
}

}  // namespace linscan
