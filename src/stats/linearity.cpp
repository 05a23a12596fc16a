#include "linscan/stats/linearity.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "linscan/stats/whitener.h"
#include "stats/baselines.h"
#include "stats/centered_pair.h"
#include "stats/held_out.h"
#include "stats/top_component.h"

namespace linscan {
namespace {

Score ratio_score(double error, double total) {
  if (total <= kNoVariance) {
    return Score::missing("the target has no variance");
  }
  return Score::of(1.0 - error / total);
}

Score adjust(const Score& in_sample, int64_t n, int64_t d) {
  if (!in_sample.value) {
    return in_sample;
  }
  if (n <= d + 1) {
    return Score::missing(fmt::format("needs more than {} tokens, got {}", d + 1, n));
  }
  const auto rows = static_cast<double>(n);
  return Score::of(1.0 -
                   (1.0 - *in_sample.value) * (rows - 1) / (rows - static_cast<double>(d) - 1));
}

// Median over features with variance of 1 - error_j / total_j.
Score median_of_features(const at::Tensor& error, const at::Tensor& total) {
  const at::Tensor alive = total > total.max() * 1e-28;
  if (!alive.any().item<bool>()) {
    return Score::missing("the target has no variance");
  }
  const at::Tensor scores = (1.0 - error / total).masked_select(alive);
  return Score::of(at::quantile(scores, 0.5).item<double>());
}

// Share of the target's variance outside its first principal component that the map explains.
// total (C, C): moments of the target; whitened (., C): P Sxt, so that whitened^T whitened is what
// the map explains.
Score score_without_top_pc(const at::Tensor& total, const at::Tensor& whitened, double trace) {
  if (trace <= kNoVariance) {
    return Score::missing("the target has no variance");
  }
  const TopComponent top = top_component(total);
  const double explained_top = whitened.mv(top.direction).square().sum().item<double>();
  const double explained = whitened.square().sum().item<double>();
  const double rest = trace - top.variance;
  if (rest <= trace * 1e-12) {
    return Score::missing("the target has variance in one direction only");
  }
  return Score::of((explained - explained_top) / rest);
}

void score_in_sample(const CenteredPair& c,
                     const at::Tensor& whitened_y,
                     const at::Tensor& whitened_d,
                     LinearityScores& scores) {
  const int64_t d = c.xx.size(0);
  // The error is computed from the update, where it is not a small difference of large numbers.
  const at::Tensor error = (c.dd_diag - whitened_d.square().sum(0)).clamp_min(0);  // per feature
  const double total_error = error.sum().item<double>();
  const auto fill = [&](TargetScores& target,
                        double trace,
                        const at::Tensor& total,
                        const at::Tensor& variance,
                        const at::Tensor& whitened) {
    target.in_sample = ratio_score(total_error, trace);
    target.adjusted = adjust(target.in_sample, c.n, d);
    target.median_feature = median_of_features(error, variance);
    target.without_top_pc = score_without_top_pc(total, whitened, trace);
  };
  fill(scores.stream, c.yy_trace, c.yy, c.yy.diagonal(), whitened_y);
  const at::Tensor dd = (c.yy - c.xy).sub_(c.xd.t());
  fill(scores.update, c.dd_trace, dd, c.dd_diag, whitened_d);
}

}  // namespace

struct PairScoring::State {
  State(const PairMoments& all, const std::vector<PairMoments>& folds, LinearityOptions wanted)
      : pair(all), held_out(folds), options(wanted) {}

  const CenteredPair pair;
  HeldOut held_out;
  const LinearityOptions options;
  std::optional<Whitener> whitener;
  at::Tensor whitened_d, whitened_y;  // (., C): P Sxd, P Sxy
  PairScores scores;

  // What needs the whitened moments: tasks of their own, added when these are there.
  void add_whitened_tasks(TaskPool& pool) {
    whitener.emplace(pair.xx);
    whitened_d = whitener->whiten(pair.xd);
    whitened_y = whitened_d + whitener->whitened_self();
    const int64_t rank = whitener->rank();
    whitener.reset();
    if (baselines()) {
      pool.add([this] { scores.baselines.rank = rank_curve(pair, whitened_y); });
      pool.add([this, rank] { scores.baselines.cca = score_cca(pair, whitened_y, rank); });
    }
    pool.add([this] { score_in_sample(pair, whitened_y, whitened_d, scores.linearity); });
  }

  bool baselines() const {
    return options.baselines && pair.yy_trace > kNoVariance && pair.xx_trace > kNoVariance;
  }
};

PairScoring::PairScoring(const PairMoments& all,
                         const std::vector<PairMoments>& folds,
                         const LinearityOptions& options)
    : state_(std::make_unique<State>(all, folds, options)) {}

PairScoring::~PairScoring() = default;

void PairScoring::add_tasks(TaskPool& pool) {
  State* s = state_.get();
  pool.add([s, &pool] { s->add_whitened_tasks(pool); });
  BaselineScores& maps = s->scores.baselines;
  if (s->baselines()) {
    maps.scaled_identity = score_scaled_identity(s->pair);
    maps.diagonal = score_diagonal(s->pair);
    pool.add([s] { s->scores.baselines.orthogonal = score_orthogonal(s->pair); });
    pool.add([s] { s->scores.baselines.ridge = score_ridge(s->pair); });
  } else {
    maps.scaled_identity = maps.diagonal = maps.orthogonal = maps.ridge = maps.cca =
        Score::missing("the states have no variance");
  }
  for (const size_t fold : s->held_out.scored_folds()) {
    pool.add([s, fold] { s->held_out.score_fold(fold); });
  }
}

PairScores PairScoring::finish() {
  state_->held_out.finish(state_->scores.linearity);
  return std::move(state_->scores);
}

PairScores score_pair(const std::vector<PairMoments>& folds, const LinearityOptions& options) {
  TaskPool pool(/*workers=*/1);
  PairScoring scoring(PairMoments::sum(folds), folds, options);
  scoring.add_tasks(pool);
  pool.run();
  return scoring.finish();
}

double null_in_sample(int64_t n, int64_t d) {
  return n > 1 ? std::min(1.0, static_cast<double>(d) / static_cast<double>(n - 1)) : 1.0;
}

}  // namespace linscan
