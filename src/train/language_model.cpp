#include "linscan/train/language_model.h"

#include <torch/torch.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace linscan {
namespace {

int64_t count_targets(const TrainBatch& batch) {
  return (batch.targets != TrainBatch::kNoTarget).sum().item<int64_t>();
}

}  // namespace

TrainBatch next_token_batch(const std::vector<std::vector<int32_t>>& windows) {
  std::vector<int64_t> ids;
  std::vector<int64_t> targets;
  std::vector<int64_t> lengths;
  for (const std::vector<int32_t>& window : windows) {
    lengths.push_back(static_cast<int64_t>(window.size()) - 1);
    ids.insert(ids.end(), window.begin(), window.end() - 1);
    targets.insert(targets.end(), window.begin() + 1, window.end());
  }
  return {at::tensor(ids, at::kLong), at::tensor(targets, at::kLong), BatchLayout(lengths), {}};
}

std::vector<TrainBatch> next_token_batches(const TokenWindows& windows, int64_t batch_rows) {
  std::vector<TrainBatch> batches;
  std::vector<std::vector<int32_t>> gathered;
  int64_t rows = 0;
  const auto flush = [&] {
    if (!gathered.empty()) {
      batches.push_back(next_token_batch(gathered));
    }
    gathered.clear();
    rows = 0;
  };
  for (const Window& window : windows.windows) {
    if (window.length < 2) {
      continue;
    }
    if (rows + window.length > batch_rows) {
      flush();
    }
    const auto begin = windows.ids.begin() + window.offset;
    gathered.emplace_back(begin, begin + window.length);
    rows += window.length;
  }
  flush();
  return batches;
}

LogitLoss cross_entropy_loss(const at::Tensor& targets, double factor) {
  return [targets, factor](const at::Tensor& logits, int64_t first_row) {
    const at::Tensor own = targets.narrow(0, first_row, logits.size(0));
    return at::cross_entropy_loss(logits, own, {}, at::Reduction::Sum, TrainBatch::kNoTarget) *
           factor;
  };
}

Json held_out_cross_entropy(TrainableModel& model, const std::vector<TrainBatch>& batches) {
  if (batches.empty()) {
    return {};
  }
  const at::NoGradGuard no_grad;
  double sum = 0;
  int64_t tokens = 0;
  for (const TrainBatch& batch : batches) {
    const ForwardStates states = model.forward(batch.ids, batch.layout, /*checkpointing=*/false);
    const LogitLoss loss = cross_entropy_loss(batch.targets.to(model.device()), 1.0);
    sum += model.head_loss(states.normed, loss, nullptr).item<double>();
    tokens += count_targets(batch);
  }
  const double mean = sum / static_cast<double>(tokens);
  return {{"loss", mean}, {"perplexity", number_or_null(std::exp(mean))}, {"tokens", tokens}};
}

LanguageModelObjective::LanguageModelObjective(TrainableModel& model,
                                               BatchSource batches,
                                               const std::vector<TrainBatch>& held_out,
                                               const LanguageModelOptions& options)
    : model_(model), batches_(std::move(batches)), held_out_(held_out), options_(options) {}

LossParts LanguageModelObjective::accumulate(int64_t step, int64_t micro, double weight) {
  const TrainBatch batch = batches_(step, micro);
  const ForwardStates states = model_.forward(batch.ids, batch.layout, options_.checkpointing);
  const double mean = weight / static_cast<double>(count_targets(batch));
  at::Tensor gradient;
  const at::Tensor cross_entropy = model_.head_loss(
      states.normed, cross_entropy_loss(batch.targets.to(model_.device()), mean), &gradient);
  LossParts parts = {{"cross_entropy", cross_entropy}};
  std::vector<at::Tensor> ends = {states.normed};
  std::vector<at::Tensor> gradients = {gradient};
  if (options_.regularizer.kind != RegularizerKind::kNone) {
    const at::Tensor term =
        regularizer(states.stream, states.normed, options_.regularizer) * weight;
    ends.push_back(term);
    gradients.push_back(at::ones_like(term));
    parts.emplace_back("regularizer", term.detach());
  }
  torch::autograd::backward(ends, gradients);
  return parts;
}

Json LanguageModelObjective::evaluate() {
  return held_out_cross_entropy(model_, held_out_);
}

}  // namespace linscan
