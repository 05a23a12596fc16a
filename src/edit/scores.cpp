#include "edit/scores.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "linscan/analyze/engine.h"
#include "linscan/analyze/statistics_sink.h"
#include "linscan/base/error.h"
#include "linscan/base/random.h"
#include "linscan/stats/displacement.h"

namespace linscan {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// Pushes the calibration text through a model with one sink.
class ScorePass {
 public:
  ScorePass(const Model& model, const EditWindows& windows, const EditRequest& request)
      : windows_(windows.calibration()),
        options_(request.variants),
        folds_(assign_folds(windows_, request.folds, request.seed)),
        plan_(plan_memory(model,
                          windows_,
                          folds_,
                          {.compute_dtype = options_.compute_dtype,
                           .memory_limit = options_.memory_limit,
                           .pair_statistics = true,
                           .workers = TaskPool::workers_for(options_.device)})),
        schedule_(Schedule::make(windows_, folds_, plan_.batch_rows)) {}

  void run(const EditedModel& model, Sink& sink) {
    Engine engine(model, windows_, schedule_, plan_, options_.compute_dtype, options_.device);
    Sink* const sinks[] = {&sink};
    if (const std::optional<BadWeights> bad = engine.run(sinks)) {
      fail(ErrorKind::kNumeric,
           "{}: {} (block {})",
           model.source->checkpoint.folder().string(),
           bad->reason,
           bad->block);
    }
  }

  int64_t folds() const { return folds_.folds; }
  int64_t rows() const { return schedule_.rows; }
  int workers() const { return plan_.workers; }

 private:
  TokenWindows windows_;
  VariantOptions options_;
  FoldPlan folds_;
  MemoryPlan plan_;
  Schedule schedule_;
};

double score_of(const BlockScores& block, Criterion criterion) {
  const auto value = [](const Score& score) { return score.value.value_or(kNone); };
  switch (criterion) {
    case Criterion::kLinearity:
      return block.linearity ? value(block.linearity->stream.held_out) : kNone;
    case Criterion::kUpdate:
      return block.linearity ? value(block.linearity->update.held_out) : kNone;
    default:
      return block.displacement ? block.displacement->cosine() : kNone;
  }
}

// Scores of the blocks of `model`, by the source's block; NaN for blocks that are gone.
std::vector<double> score_blocks(ScorePass& pass, const EditedModel& model, Criterion criterion) {
  StatisticsSink sink({.metrics = {.linearity = true},
                       .folds = pass.folds(),
                       .blocks = model.config.blocks(),
                       .workers = pass.workers()});
  pass.run(model, sink);
  std::vector<double> scores(static_cast<size_t>(model.source->config.blocks()), kNone);
  for (size_t i = 0; i < model.blocks.size(); ++i) {
    scores[static_cast<size_t>(model.blocks[i])] = score_of(sink.blocks()[i], criterion);
  }
  return scores;
}

// Mean angular distance between the streams at both ends of every window of `span` blocks.
class SpanAngles final : public Sink {
 public:
  SpanAngles(int64_t rows, int64_t span) : rows_(rows), span_(span) {}

  void observe(const BlockBatch& batch) override {
    at::Tensor& entry = entries_[batch.block];
    if (!entry.defined()) {
      entry = at::empty({rows_, batch.resid_pre.size(1)}, batch.resid_pre.options());
    }
    const int64_t count = batch.resid_pre.size(0);
    entry.narrow(0, batch.first_row, count).copy_(batch.resid_pre);
    const int64_t first = batch.block + 1 - span_;
    if (first >= 0) {
      const at::Tensor x = entries_.at(first).narrow(0, batch.first_row, count);
      windows_[first].add(x.to(at::kDouble), batch.resid_post.to(at::kDouble));
    }
  }
  void finish_block(int64_t block) override { entries_.erase(block + 1 - span_); }

  // By the window's first block.
  std::map<int64_t, double> angles() const {
    std::map<int64_t, double> angles;
    for (const auto& [first, displacement] : windows_) {
      angles[first] = displacement.angular();
    }
    return angles;
  }

 private:
  int64_t rows_;
  int64_t span_;
  std::map<int64_t, at::Tensor> entries_;  // resid_pre of the last `span` blocks
  std::map<int64_t, Displacement> windows_;
};

std::vector<int64_t> choose_window(const Model& model,
                                   ScorePass& pass,
                                   int64_t count,
                                   const std::vector<int64_t>& editable,
                                   std::vector<double>& scores) {
  SpanAngles sink(pass.rows(), count);
  pass.run(EditedModel::unchanged(model), sink);
  scores.assign(static_cast<size_t>(model.config.blocks()), kNone);
  int64_t best = -1;
  const std::map<int64_t, double> angles = sink.angles();
  for (const auto& [first, angle] : angles) {
    scores[static_cast<size_t>(first)] = -angle;
    const auto begin = std::ranges::find(editable, first);
    const bool whole =
        std::distance(begin, editable.end()) >= count && *(begin + count - 1) == first + count - 1;
    if (whole && (best < 0 || angle < angles.at(best))) {
      best = first;
    }
  }
  LINSCAN_CHECK(best >= 0, kInput, "no window of {} neighbouring blocks can be edited", count);
  std::vector<int64_t> window(static_cast<size_t>(count));
  std::iota(window.begin(), window.end(), best);
  return window;
}

// One block after the other, the scores of what is left measured anew each time.
std::vector<int64_t> choose_rescored(const Model& model,
                                     const EditWindows& windows,
                                     const EditRequest& request,
                                     ScorePass& pass,
                                     std::vector<int64_t> editable) {
  std::vector<int64_t> chosen;
  EditedModel edited = EditedModel::unchanged(model);
  EditData data = windows.for_edit();
  std::ranges::replace(data.roles, Role::kMeasure, Role::kUnused);
  while (true) {
    const std::vector<double> scores = score_blocks(pass, edited, request.criterion);
    const int64_t next = highest_scores(scores, editable, 1).front();
    chosen.push_back(next);
    std::erase(editable, next);
    if (static_cast<int64_t>(chosen.size()) == request.count) {
      return chosen;
    }
    const EditPlan plan = request.recipes.front().on(chosen);
    validate_plan(model.config, plan);
    edited = run_variants(model, data, {&plan, 1}, request.variants).variants.front().model;
  }
}

}  // namespace

std::vector<int64_t> choose_by_score(const Model& model,
                                     const EditWindows& windows,
                                     const EditRequest& request,
                                     const std::vector<int64_t>& editable,
                                     std::vector<double>& scores) {
  LINSCAN_CHECK(static_cast<int64_t>(editable.size()) >= request.count,
                kInput,
                "{} blocks are asked for, but only {} can be edited by this method",
                request.count,
                editable.size());
  if (request.criterion == Criterion::kReverse || request.criterion == Criterion::kRandom) {
    std::vector<int64_t> order(editable.rbegin(), editable.rend());
    if (request.criterion == Criterion::kRandom) {
      Random(request.seed).shuffle(order);
    }
    order.resize(static_cast<size_t>(request.count));
    return order;
  }
  ScorePass pass(model, windows, request);
  if (request.criterion == Criterion::kAngular) {
    return choose_window(model, pass, request.count, editable, scores);
  }
  scores = score_blocks(pass, EditedModel::unchanged(model), request.criterion);
  return request.rescore ? choose_rescored(model, windows, request, pass, editable)
                         : highest_scores(scores, editable, request.count);
}

}  // namespace linscan
