#include "linscan/analyze/engine.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <future>
#include <utility>

#include "linscan/base/interrupt.h"
#include "linscan/base/progress.h"
#include "linscan/base/system.h"

namespace linscan {
namespace {

// Adds the time of its life to a counter.
class Stopwatch {
 public:
  explicit Stopwatch(double& seconds) : seconds_(seconds) {}
  ~Stopwatch() {
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::unique_ptr<ResidualStream> make_stream(const MemoryPlan& plan, int64_t hidden) {
  if (plan.spill) {
    return std::make_unique<ResidualStream>(
        plan.tokens, hidden, std::filesystem::temp_directory_path());
  }
  return std::make_unique<ResidualStream>(plan.tokens, hidden);
}

// Rows at which the windows of a batch begin, (B) int64.
at::Tensor first_token_rows(const BatchLayout& layout, at::Device device) {
  std::vector<int64_t> rows;
  int64_t row = 0;
  for (const int64_t length : layout.lengths()) {
    rows.push_back(row);
    row += length;
  }
  return at::tensor(rows, at::kLong).to(device);
}

}  // namespace

Engine::Engine(const Model& model,
               const TokenWindows& windows,
               const Schedule& schedule,
               const MemoryPlan& plan,
               at::ScalarType compute_dtype,
               at::Device device)
    : Engine(model,
             WeightLoader(model.weights, model.config, compute_dtype, device),
             windows,
             schedule,
             plan) {}

Engine::Engine(const EditedModel& model,
               const TokenWindows& windows,
               const Schedule& schedule,
               const MemoryPlan& plan,
               at::ScalarType compute_dtype,
               at::Device device)
    : Engine(*model.source, WeightLoader(model, compute_dtype, device), windows, schedule, plan) {}

Engine::Engine(const Model& model,
               WeightLoader loader,
               const TokenWindows& windows,
               const Schedule& schedule,
               const MemoryPlan& plan)
    : model_(model),
      loader_(std::move(loader)),
      config_(loader_.config()),
      windows_(windows),
      schedule_(schedule),
      device_(loader_.device()),
      positions_(config_, loader_.compute_dtype(), device_),
      stream_(make_stream(plan, config_.hidden)) {}

BatchLayout Engine::layout_of(const ScheduledBatch& batch) const {
  std::vector<int64_t> lengths;
  lengths.reserve(batch.windows.size());
  for (const int64_t window : batch.windows) {
    lengths.push_back(windows_.windows[static_cast<size_t>(window)].length);
  }
  return BatchLayout(std::move(lengths));
}

std::optional<BadWeights> Engine::embed() {
  const Stopwatch watch(seconds_.forward);
  const EmbeddingWeights weights = loader_.embedding();
  for (const ScheduledBatch& batch : schedule_.batches) {
    check_interrupt();
    const at::Tensor ids = at::empty({batch.rows}, at::kLong);
    int64_t* to = ids.mutable_data_ptr<int64_t>();
    for (const int64_t index : batch.windows) {
      const Window& window = windows_.windows[static_cast<size_t>(index)];
      to = std::copy_n(windows_.ids.begin() + window.offset, window.length, to);
    }
    const at::Tensor x = forward_embedding(config_, weights, ids, layout_of(batch), device_);
    if (!std::isfinite(x.sum(at::kDouble).item<double>())) {
      const std::string reason = loader_.find_non_finite(std::nullopt);
      return BadWeights{0, reason.empty() ? "the embedded tokens are not finite" : reason};
    }
    stream_->store(batch.first_row, x);
  }
  loader_.release_model();
  return std::nullopt;
}

std::optional<BadWeights> Engine::run(std::span<Sink* const> sinks) {
  const c10::InferenceMode inference;
  const int64_t blocks = config_.blocks();
  bool wants_logits = false;
  for (const Sink* sink : sinks) {
    wants_logits = wants_logits || sink->wants_logits();
  }
  Progress progress("analyze", "blocks", blocks);
  if (std::optional<BadWeights> bad = embed()) {
    return bad;
  }

  const auto read_ahead = [this](int64_t block) {
    loader_.prefetch(block);
    for (const TensorView* tensor : model_.weights.block_tensors(loader_.source_block(block))) {
      digest_.add(*tensor);  // while its pages are in memory
    }
  };
  std::future<void> next = std::async(std::launch::async, read_ahead, 0);
  for (int64_t block = 0; block < blocks; ++block) {
    {
      const Stopwatch watch(seconds_.loading);
      next.get();
      if (block + 1 < blocks) {
        next = std::async(std::launch::async, read_ahead, block + 1);
      }
      if (const std::string reason = loader_.find_non_finite(block); !reason.empty()) {
        return BadWeights{block, reason};
      }
      weights_ = loader_.block(block);
      if (block + 1 == blocks) {
        final_norm_ = loader_.final_norm();
        head_ = wants_logits ? loader_.head() : HeadWeights{};
      }
    }
    run_block(block, sinks);
    weights_ = {};
    loader_.release(block);
    {
      const Stopwatch watch(seconds_.sinks);
      for (Sink* sink : sinks) {
        sink->finish_block(block);
      }
    }
    release_freed_memory();
    progress.update(block + 1);
  }
  progress.finish();
  return std::nullopt;
}

void Engine::run_block(int64_t block, std::span<Sink* const> sinks) {
  for (const ScheduledBatch& batch : schedule_.batches) {
    check_interrupt();
    const BatchLayout layout = layout_of(batch);
    at::Tensor x;
    BlockOutput out;
    {
      const Stopwatch watch(seconds_.forward);
      x = stream_->load(batch.first_row, batch.rows, device_);
      out = forward_block(config_, block, weights_, x, layout, positions_);
    }
    show(batch, block, layout, x, out, sinks);
    const Stopwatch watch(seconds_.forward);
    stream_->store(batch.first_row, out.resid_post);
  }
}

void Engine::show(const ScheduledBatch& batch,
                  int64_t block,
                  const BatchLayout& layout,
                  const at::Tensor& x,
                  const BlockOutput& out,
                  std::span<Sink* const> sinks) {
  if (sinks.empty()) {
    return;
  }
  const at::Tensor first_tokens = first_token_rows(layout, device_);
  BlockBatch shown{block,
                   batch.fold,
                   batch.first_row,
                   layout,
                   first_tokens,
                   x,
                   out.attention,
                   out.middle,
                   out.mlp,
                   out.resid_post,
                   {},
                   {}};
  if (block + 1 == config_.blocks()) {
    const Stopwatch watch(seconds_.forward);
    shown.final_norm = forward_final_norm(config_, final_norm_, out.resid_post);
    if (head_.head.weight.defined()) {
      shown.logits = forward_head(config_, head_, shown.final_norm);
    }
  }
  const Stopwatch watch(seconds_.sinks);
  for (Sink* sink : sinks) {
    sink->observe(shown);
  }
}

std::string Engine::weights_sha256() {
  return digest_.finish(model_.checkpoint);
}

}  // namespace linscan
