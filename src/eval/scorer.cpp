#include "linscan/eval/scorer.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "eval/decoder_pass.h"
#include "eval/request_batches.h"
#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/base/progress.h"
#include "linscan/base/system.h"
#include "linscan/stats/predictions.h"

namespace linscan {
namespace {

constexpr int64_t kFp32 = 4;
constexpr int64_t kLeastBatchRows = 128;

// Sees the predictions `batch.places[first_place ...]`: targets and rows as score_predictions takes
// them, logits of every pass.
using Chunk = std::function<void(const RequestBatch& batch,
                                 int64_t first_place,
                                 const at::Tensor& targets,
                                 const at::Tensor& rows,
                                 std::span<const at::Tensor> logits)>;

// The batches of a call, as large as both memory limits allow.
std::vector<RequestBatch> planned_batches(std::span<DecoderPass* const> passes,
                                          std::span<const ScoreRequest> requests) {
  int64_t rows = passes.front()->batch_rows();
  for (const DecoderPass* pass : passes) rows = std::min(rows, pass->batch_rows());
  const auto may_share = [&](int64_t length) {
    return std::ranges::none_of(passes, [&](const DecoderPass* pass) {
      return rotary_depends_on_length(pass->config(), length);
    });
  };
  while (true) {
    std::vector<RequestBatch> batches = make_batches(requests, rows, may_share);
    const auto misfit = std::ranges::find_if_not(passes, [&](DecoderPass* pass) {
      return pass->plan(batches, static_cast<int64_t>(passes.size()));
    });
    if (misfit == passes.end()) {
      return batches;
    }
    LINSCAN_CHECK(rows > kLeastBatchRows, kInput, "{}", (*misfit)->needs());
    rows = std::max(kLeastBatchRows, rows / 2);
  }
}

// Batches [begin, end) that go through the blocks together.
size_t end_of_round(std::span<const RequestBatch> batches, size_t begin, int64_t most_rows) {
  size_t end = begin;
  int64_t rows = 0;
  while (end < batches.size()) {
    rows += static_cast<int64_t>(batches[end].ids.size());
    if (end > begin && rows > most_rows) break;
    ++end;
  }
  return end;
}

// Scored predictions of one batch, in pieces whose logits are not too large. `states` has one
// tensor for each pass.
void score_batch(std::span<DecoderPass* const> passes,
                 const RequestBatch& batch,
                 std::span<const at::Tensor> states,
                 const Chunk& chunk) {
  const ScoredRows scored = scored_rows(batch);
  const auto count = static_cast<int64_t>(scored.rows.size());
  const int64_t most = passes.front()->logit_rows();
  for (int64_t begin = 0; begin < count; begin += most) {
    check_interrupt();
    const int64_t end = std::min(begin + most, count);
    const int64_t first = scored.first_place[static_cast<size_t>(begin)];
    const int64_t last = scored.first_place[static_cast<size_t>(end)];
    std::vector<int64_t> targets;
    std::vector<int64_t> rows;
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t place = scored.first_place[static_cast<size_t>(i)];
           place < scored.first_place[static_cast<size_t>(i + 1)];
           ++place) {
        targets.push_back(batch.places[static_cast<size_t>(place)].target);
        rows.push_back(i - begin);
      }
    }
    TORCH_CHECK(last - first == static_cast<int64_t>(rows.size()), "places are sorted by row");
    std::vector<at::Tensor> logits;
    for (size_t p = 0; p < passes.size(); ++p) {
      logits.push_back(passes[p]->logits(states[p].slice(0, begin, end)));
    }
    const at::Device device = logits.front().device();
    chunk(batch,
          first,
          at::tensor(targets, at::kLong).to(device),
          at::tensor(rows, at::kLong).to(device),
          logits);
  }
}

// All requests through all passes; `chunk` sees every scored prediction once. Returns the rows fed.
int64_t run_all(std::span<DecoderPass* const> passes,
                std::span<const ScoreRequest> requests,
                const Chunk& chunk) {
  const c10::InferenceMode inference;
  const std::vector<RequestBatch> batches = planned_batches(passes, requests);
  int64_t total = 0;
  for (const RequestBatch& batch : batches) total += static_cast<int64_t>(batch.ids.size());
  int64_t most_rows = passes.front()->round_rows();
  int64_t blocks = 0;
  for (const DecoderPass* pass : passes) {
    most_rows = std::min(most_rows, pass->round_rows());
    blocks += pass->config().blocks();
  }
  Progress progress("eval", "tokens", std::max<int64_t>(total, 1));
  int64_t done = 0;
  for (size_t begin = 0; begin < batches.size();) {
    const size_t end = end_of_round(batches, begin, most_rows);
    const auto round = std::span(batches).subspan(begin, end - begin);
    int64_t rows = 0;
    for (const RequestBatch& batch : round) rows += static_cast<int64_t>(batch.ids.size());
    int64_t blocks_done = 0;
    std::vector<std::vector<at::Tensor>> states;
    for (DecoderPass* pass : passes) {
      states.push_back(pass->run(round, [&] {
        ++blocks_done;
        progress.update(done + rows * blocks_done / (blocks + 1));
      }));
    }
    for (size_t i = 0; i < round.size(); ++i) {
      std::vector<at::Tensor> own;
      for (auto& of_pass : states) own.push_back(std::move(of_pass[i]));
      score_batch(passes, round[i], own, chunk);
    }
    done += rows;
    progress.update(done);
    begin = end;
  }
  progress.finish();
  return total;
}

}  // namespace

Scorer::Scorer(const DecoderConfig& config, const WeightLoader& loader, ScorerOptions options)
    : pass_(std::make_unique<DecoderPass>(
          config, loader, memory_limit_or_default(options.memory_limit), options.batch_rows)) {}
Scorer::~Scorer() = default;

std::vector<ScoredRequest> Scorer::score(std::span<const ScoreRequest> requests) {
  std::vector<ScoredRequest> results;
  for (const ScoreRequest& request : requests) results.push_back({0, request.wants_greedy});
  const auto add = [&](const RequestBatch& batch,
                       int64_t first_place,
                       const at::Tensor& targets,
                       const at::Tensor& rows,
                       std::span<const at::Tensor> logits) {
    const auto places =
        std::span(batch.places)
            .subspan(static_cast<size_t>(first_place), static_cast<size_t>(targets.numel()));
    const bool with_greedy = std::ranges::any_of(places, [&](const ScoredPlace& place) {
      return results[static_cast<size_t>(place.request)].greedy;  // asked for, and true so far
    });
    const PredictionRows scored = score_predictions(logits[0], targets, rows, with_greedy);
    const at::Tensor log_likelihood = scored.log_likelihood.cpu();
    const at::Tensor greedy = with_greedy ? scored.greedy.cpu() : at::Tensor();
    for (size_t i = 0; i < places.size(); ++i) {
      ScoredRequest& result = results[static_cast<size_t>(places[i].request)];
      result.log_likelihood += log_likelihood.const_data_ptr<double>()[i];
      result.greedy = result.greedy && greedy.const_data_ptr<bool>()[i];
    }
  };
  DecoderPass* const passes[] = {pass_.get()};
  rows_fed_ = run_all(passes, requests, add);
  return results;
}

std::vector<ComparedRequest> Scorer::compare(Scorer& reference,
                                             Scorer& model,
                                             std::span<const ScoreRequest> requests) {
  TORCH_CHECK(reference.pass_->config().vocabulary == model.pass_->config().vocabulary,
              "models of one vocabulary are compared");
  std::vector<ComparedRequest> results;
  for (const ScoreRequest& request : requests) results.push_back({{0, request.wants_greedy}, 0, 0});
  const auto add = [&](const RequestBatch& batch,
                       int64_t first_place,
                       const at::Tensor& targets,
                       const at::Tensor& rows,
                       std::span<const at::Tensor> logits) {
    // A row's distance counts once for every prediction that asks it.
    const PredictionRows scored =
        compare_predictions(reference_predictions(logits[0]), logits[1], targets, rows);
    const at::Tensor log_likelihood = scored.log_likelihood.cpu();
    const at::Tensor greedy = scored.greedy.cpu();
    const at::Tensor kl = scored.kl.cpu();
    const at::Tensor agrees = scored.agrees.cpu();
    for (int64_t i = 0; i < kl.numel(); ++i) {
      const ScoredPlace& place = batch.places[static_cast<size_t>(first_place + i)];
      ComparedRequest& result = results[static_cast<size_t>(place.request)];
      result.score.log_likelihood += log_likelihood.const_data_ptr<double>()[i];
      result.score.greedy = result.score.greedy && greedy.const_data_ptr<bool>()[i];
      result.kl += kl.const_data_ptr<double>()[i];
      result.agreements += agrees.const_data_ptr<bool>()[i] ? 1 : 0;
    }
  };
  DecoderPass* const passes[] = {reference.pass_.get(), model.pass_.get()};
  model.rows_fed_ = run_all(passes, requests, add);
  return results;
}

}  // namespace linscan
