#include "linscan/analyze/statistics_sink.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace linscan {
namespace {

std::vector<StateMoments> zero_states(const at::Tensor& shift, int64_t folds) {
  std::vector<StateMoments> states;
  for (int64_t fold = 0; fold < folds; ++fold) {
    states.push_back(StateMoments::zeros(shift));
  }
  return states;
}

bool finite(const std::vector<PairMoments>& folds) {
  return std::all_of(folds.begin(), folds.end(), [](const PairMoments& fold) {
    return std::isfinite((fold.x.gram.diagonal() + fold.y.gram.diagonal()).sum().item<double>());
  });
}

// Which rows of a batch are not the first of their window, (N) bool.
at::Tensor not_first(const BlockBatch& batch) {
  const int64_t rows = batch.resid_pre.size(0);
  return at::ones({rows}, batch.first_tokens.options().dtype(at::kBool))
      .index_fill_(0, batch.first_tokens, 0);
}

at::Tensor kept_rows(const at::Tensor& rows, const at::Tensor& kept) {
  return kept.defined() ? rows.index_select(0, kept) : rows;
}

// Moments are added for this many rows at a time: their fp64 copies then stay in the cache.
constexpr int64_t kRowsAtOnce = 512;

}  // namespace

StatisticsSink::StatisticsSink(StatisticsOptions options)
    : options_(std::move(options)), pool_(options_.workers) {}

void StatisticsSink::observe(const BlockBatch& batch) {
  if (!inputs_known_) {
    start_inputs(batch);
  }
  const bool normed = batch.final_norm.defined();
  start_target(output_, batch, batch.resid_post);
  if (normed) {
    start_target(normed_, batch, batch.final_norm);
  }
  const at::Tensor others = options_.metrics.tokens ? not_first(batch) : at::Tensor();
  const int64_t rows = batch.resid_pre.size(0);
  for (int64_t begin = 0; begin < rows; begin += kRowsAtOnce) {
    const int64_t end = std::min(begin + kRowsAtOnce, rows);
    const at::Tensor kept =
        others.defined() ? others.slice(0, begin, end).nonzero().squeeze(1) : at::Tensor();
    const at::Tensor x = batch.resid_pre.slice(0, begin, end).to(at::kDouble);
    const at::Tensor x_rows = kept_rows(x - shift_x_, kept);
    if (batch.block == 0) {
      inputs_[static_cast<size_t>(batch.fold)].add_lower(x_rows);
    }
    accumulate(output_, batch.fold, kept, x, x_rows, batch.resid_post.slice(0, begin, end));
    if (normed) {
      accumulate(normed_, batch.fold, kept, x, x_rows, batch.final_norm.slice(0, begin, end));
    }
  }
  if (batch.block == 0 && options_.metrics.geometry) {
    sampled_inputs_.push_back(sampled_of(batch, batch.resid_pre));
  }
}

void StatisticsSink::start_inputs(const BlockBatch& batch) {
  shift_x_ = batch.resid_pre.mean(0, false, at::kDouble);
  inputs_ = zero_states(shift_x_, options_.folds);
  inputs_known_ = true;
}

void StatisticsSink::start_target(Target& target, const BlockBatch& batch, const at::Tensor& y) {
  if (!target.shift.defined()) {
    target.shift = y.mean(0, false, at::kDouble);
    target.states = zero_states(target.shift, options_.folds);
    for (int64_t k = 0; k < options_.folds; ++k) {
      target.x_update.push_back(at::zeros_like(target.states.front().gram).t());
      target.update_square.push_back(at::zeros_like(target.shift));
    }
  }
  if (options_.metrics.geometry) {
    target.sampled.push_back(sampled_of(batch, y));
  }
  if (options_.metrics.tokens) {
    target.first.push_back({batch.fold,
                            batch.resid_pre.index_select(0, batch.first_tokens),
                            y.index_select(0, batch.first_tokens)});
  }
}

void StatisticsSink::accumulate(Target& target,
                                int64_t fold_index,
                                const at::Tensor& kept,
                                const at::Tensor& x,
                                const at::Tensor& x_rows,
                                const at::Tensor& y_fp32) {
  const auto fold = static_cast<size_t>(fold_index);
  const at::Tensor y = y_fp32.to(at::kDouble);
  const at::Tensor figures = Displacement::of_tokens(x, y);
  target.all.add(figures);
  if (kept.defined() && kept.numel() > 0) {
    target.rest.add(figures.index_select(1, kept));
  }
  const at::Tensor y_rows = kept_rows(y - target.shift, kept);
  target.states[fold].add_lower(y_rows);
  const at::Tensor update = y_rows - x_rows;
  target.x_update[fold].addmm_(x_rows.t(), update);
  target.update_square[fold].add_(at::linalg_vector_norm(update, 2, {0}).square_());
}

at::Tensor StatisticsSink::sampled_of(const BlockBatch& batch, const at::Tensor& state) const {
  const auto& rows = options_.sampled_rows;
  const auto begin = std::lower_bound(rows.begin(), rows.end(), batch.first_row);
  const auto end = std::lower_bound(begin, rows.end(), batch.first_row + state.size(0));
  std::vector<int64_t> local(begin, end);
  for (int64_t& row : local) {
    row -= batch.first_row;
  }
  return state.index_select(0, at::tensor(local, at::kLong).to(state.device()));
}

void StatisticsSink::finish_block(int64_t block) {
  if (block == 0) {
    for (StateMoments& state : inputs_) {
      state.symmetrize();
    }
    embedding_norm_ = output_.all.norm_in();
  }
  results_.push_back(score(output_, /*score_inputs=*/block == 0 && options_.metrics.geometry));
  if (block + 1 == options_.blocks) {
    post_norm_ = score(normed_, /*score_inputs=*/false);
  }
  // The states after this block are those before the next one.
  inputs_ = std::move(output_.states);
  shift_x_ = output_.shift;
  output_ = {};
}

std::vector<PairMoments> StatisticsSink::pairs(const Target& target) const {
  std::vector<PairMoments> folds;
  for (size_t k = 0; k < target.states.size(); ++k) {
    folds.push_back({inputs_[k], target.states[k], target.x_update[k], target.update_square[k]});
  }
  return folds;
}

std::vector<PairMoments> StatisticsSink::with_first_tokens(const std::vector<PairMoments>& rest,
                                                           const Target& target) const {
  std::vector<PairMoments> folds;
  for (const PairMoments& fold : rest) {
    folds.push_back(fold.clone());
  }
  for (const FirstTokens& first : target.first) {
    folds[static_cast<size_t>(first.fold)].add_rows(
        first.x.to(at::kDouble) - shift_x_, first.y.to(at::kDouble) - target.shift, 1);
  }
  return folds;
}

BlockScores StatisticsSink::score(Target& target, bool score_inputs) {
  for (StateMoments& state : target.states) {
    state.symmetrize();
  }
  const MetricChoice& wanted = options_.metrics;
  const std::vector<PairMoments> accumulated = pairs(target);
  const std::vector<PairMoments> folds =
      wanted.tokens ? with_first_tokens(accumulated, target) : accumulated;
  const PairMoments all = PairMoments::sum(folds);
  BlockScores scores;
  std::optional<PairScoring> pair;
  std::optional<PairScoring> rest;
  if (!finite(folds)) {
    scores.failure = "the states of this block are not finite";
  } else {
    if (wanted.geometry) {
      add_geometry_tasks(all.y, target.sampled, scores.geometry.emplace());
    }
    if (wanted.linearity || wanted.baselines) {
      pair.emplace(all, folds, LinearityOptions{.baselines = wanted.baselines}).add_tasks(pool_);
    }
    if (wanted.tokens) {
      scores.tokens = describe_first_tokens(target, all.y);
      if (target.rest.n > 0) {
        rest.emplace(
                PairMoments::sum(accumulated), accumulated, LinearityOptions{.baselines = false})
            .add_tasks(pool_);
      }
    }
  }
  if (score_inputs) {
    add_geometry_tasks(all.x, sampled_inputs_, embedding_geometry_.emplace());
  }
  pool_.run();
  sampled_inputs_.clear();
  if (pair) {
    PairScores solved = pair->finish();
    if (wanted.linearity) {
      scores.linearity = std::move(solved.linearity);
    }
    if (wanted.baselines) {
      scores.baselines = std::move(solved.baselines);
    }
  }
  if (rest) {
    scores.tokens->without_first = rest->finish().linearity;
  }
  if (wanted.linearity && scores.failure.empty()) {
    scores.displacement = target.all;
  }
  return scores;
}

void StatisticsSink::add_geometry_tasks(const StateMoments& state,
                                        const std::vector<at::Tensor>& sampled,
                                        GeometryScores& scores) {
  // The longest tasks come first.
  pool_.add([this, &sampled, &scores] {
    scores.intrinsic_dimension = linscan::intrinsic_dimension(at::cat(sampled), options_.two_nn);
  });
  pool_.add([&state, &scores] {
    const GeometryScores spectrum = score_spectrum(state.centered());
    scores.anisotropy = spectrum.anisotropy;
    scores.effective_rank = spectrum.effective_rank;
  });
}

FirstTokenScores StatisticsSink::describe_first_tokens(const Target& target,
                                                       const StateMoments& all) const {
  FirstTokenScores scores;
  const at::Tensor mean = all.mean();
  double first_variance = 0;
  double norm = 0;
  for (const FirstTokens& first : target.first) {
    const at::Tensor y = first.y.to(at::kDouble);
    first_variance += (y - mean).square().sum().item<double>();
    norm += y.square().sum(1).sqrt().sum().item<double>();
    scores.count += y.size(0);
  }
  scores.norm_out = norm / static_cast<double>(scores.count);
  const double variance = all.centered_diagonal().sum().item<double>();
  scores.variance_share = variance > 0 ? Score::of(first_variance / variance)
                                       : Score::missing("the states have no variance");
  if (target.rest.n > 0) {
    scores.rest = target.rest;
    return scores;
  }
  const Score single = Score::missing("every window is one token long");
  for (TargetScores* missing : {&scores.without_first.stream, &scores.without_first.update}) {
    missing->in_sample = missing->held_out = single;
  }
  return scores;
}

}  // namespace linscan
