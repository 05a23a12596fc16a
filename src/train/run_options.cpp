#include "linscan/train/run_options.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "linscan/base/error.h"
#include "linscan/base/system.h"

namespace linscan {

int64_t RunOptions::windows_of_micro_batch(int64_t window) const {
  const int64_t tokens = micro_batch_tokens > 0 ? micro_batch_tokens : batch_tokens;
  LINSCAN_CHECK(tokens >= window && tokens % window == 0,
                kUsage,
                "{} {}: expected a multiple of the {} tokens of a window",
                micro_batch_tokens > 0 ? "--micro-batch-tokens" : "--batch-tokens",
                tokens,
                window);
  LINSCAN_CHECK(batch_tokens % tokens == 0,
                kUsage,
                "--batch-tokens {}: expected a multiple of --micro-batch-tokens {}",
                batch_tokens,
                tokens);
  return tokens / window;
}

int64_t RunOptions::accumulation(int64_t window) const {
  return batch_tokens / (windows_of_micro_batch(window) * window);
}

void RunOptions::require_memory(int64_t bytes) const {
  const int64_t limit = memory_limit_or_default(memory_limit);
  LINSCAN_CHECK(
      bytes <= limit,
      kInput,
      "weights, gradients and moments of this training hold {}, more than the limit of {}; "
      "raise --memory-limit, train fewer weights or use a machine with more memory",
      format_bytes(bytes),
      format_bytes(limit));
}

TrainOptions RunOptions::to_train() const {
  TrainOptions options;
  options.folder = folder;
  options.rate = rate;
  options.rate.steps = steps;
  options.adam = adam;
  options.checkpoint_every = checkpoint_every;
  options.keep = keep;
  options.evaluate_every = evaluate_every;
  options.patience = patience;
  options.log_every = log_every;
  options.resume = resume;
  return options;
}

Json RunOptions::decisive() const {
  return {{"steps", steps},
          {"batch_tokens", batch_tokens},
          {"micro_batch_tokens", micro_batch_tokens},
          {"learning_rate", rate.peak},
          {"schedule", name(rate.kind)},
          {"warmup", rate.warmup},
          {"final_share", rate.final_share},
          {"decay_share", rate.decay_share},
          {"beta1", adam.beta1},
          {"beta2", adam.beta2},
          {"epsilon", adam.epsilon},
          {"weight_decay", adam.weight_decay},
          {"gradient_clip", adam.gradient_clip},
          {"seed", seed},
          {"patience", patience},
          {"evaluate_every", patience > 0 ? evaluate_every : 0}};
}

std::vector<int64_t> logarithmic_steps(int64_t steps, int64_t points) {
  std::set<int64_t> chosen = {0, steps};
  for (int64_t i = 0; i + 1 < points; ++i) {
    const double share =
        static_cast<double>(i) / static_cast<double>(std::max<int64_t>(1, points - 1));
    chosen.insert(static_cast<int64_t>(
        std::lround(std::pow(static_cast<double>(std::max<int64_t>(1, steps)), share))));
  }
  return {chosen.begin(), chosen.end()};
}

}  // namespace linscan
