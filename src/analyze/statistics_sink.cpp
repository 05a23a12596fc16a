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

// Of one side of the pairs.
StateMoments sum_of(const std::vector<PairMoments>& parts, StateMoments PairMoments::* side) {
  StateMoments sum = (parts.front().*side).clone();
  for (size_t i = 1; i < parts.size(); ++i) {
    sum += parts[i].*side;
  }
  return sum;
}

bool finite(const std::vector<PairMoments>& folds) {
  return std::all_of(folds.begin(), folds.end(), [](const PairMoments& fold) {
    return std::isfinite((fold.x.gram.diagonal() + fold.y.gram.diagonal()).sum().item<double>());
  });
}

// The rows of a batch that are not the first of their window, (N - B) int64.
at::Tensor other_rows(const BlockBatch& batch) {
  const int64_t rows = batch.resid_pre.size(0);
  return at::ones({rows}, batch.first_tokens.options().dtype(at::kBool))
      .index_fill_(0, batch.first_tokens, 0)
      .nonzero()
      .squeeze(1);
}

}  // namespace

StatisticsSink::StatisticsSink(StatisticsOptions options) : options_(std::move(options)) {}

void StatisticsSink::observe(const BlockBatch& batch) {
  if (!inputs_known_) {
    start_inputs(batch);
  }
  const at::Tensor x64 = batch.resid_pre.to(at::kDouble).sub_(shift_x_);
  const at::Tensor rest = options_.metrics.tokens ? other_rows(batch) : at::Tensor();
  const at::Tensor x_rows = rest.defined() ? x64.index_select(0, rest) : x64;
  if (batch.block == 0) {
    inputs_[static_cast<size_t>(batch.fold)].add_lower(x_rows);
    if (options_.metrics.geometry) {
      sampled_inputs_.push_back(sampled_of(batch, batch.resid_pre));
    }
  }
  accumulate(output_, batch, rest, x_rows, batch.resid_post);
  if (batch.final_norm.defined()) {
    accumulate(normed_, batch, rest, x_rows, batch.final_norm);
  }
}

void StatisticsSink::start_inputs(const BlockBatch& batch) {
  shift_x_ = batch.resid_pre.mean(0, false, at::kDouble);
  inputs_ = zero_states(shift_x_, options_.folds);
  inputs_known_ = true;
}

void StatisticsSink::accumulate(Target& target,
                                const BlockBatch& batch,
                                const at::Tensor& rest,
                                const at::Tensor& x_rows,
                                const at::Tensor& y) {
  const auto fold = static_cast<size_t>(batch.fold);
  if (!target.shift.defined()) {
    target.shift = y.mean(0, false, at::kDouble);
    target.states = zero_states(target.shift, options_.folds);
    for (int64_t k = 0; k < options_.folds; ++k) {
      target.cross.push_back(at::zeros_like(target.states.front().gram));
      target.update_square.push_back(at::zeros_like(target.shift));
    }
  }
  const at::Tensor y64 = y.to(at::kDouble).sub_(target.shift);
  const at::Tensor y_rows = rest.defined() ? y64.index_select(0, rest) : y64;
  target.states[fold].add_lower(y_rows);
  target.cross[fold].addmm_(x_rows.t(), y_rows);
  target.update_square[fold].add_((y_rows - x_rows).square_().sum(0));
  target.all.add(batch.resid_pre, y);
  if (options_.metrics.geometry) {
    target.sampled.push_back(sampled_of(batch, y));
  }
  if (rest.defined()) {
    target.first.push_back({batch.fold,
                            batch.resid_pre.index_select(0, batch.first_tokens),
                            y.index_select(0, batch.first_tokens)});
    target.rest.add(batch.resid_pre.index_select(0, rest), y.index_select(0, rest));
  }
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
    folds.push_back({inputs_[k], target.states[k], target.cross[k], target.update_square[k]});
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
  BlockScores scores;
  for (StateMoments& state : target.states) {
    state.symmetrize();
  }
  const std::vector<PairMoments> accumulated = pairs(target);
  const std::vector<PairMoments> folds =
      options_.metrics.tokens ? with_first_tokens(accumulated, target) : accumulated;
  if (score_inputs) {
    embedding_geometry_ = score_spectrum(sum_of(folds, &PairMoments::x));
    embedding_geometry_->intrinsic_dimension =
        linscan::intrinsic_dimension(at::cat(sampled_inputs_), options_.two_nn);
    sampled_inputs_.clear();
  }
  if (!finite(folds)) {
    scores.failure = "the states of this block are not finite";
    return scores;
  }
  if (options_.metrics.linearity || options_.metrics.baselines) {
    PairScores pair = score_pair(folds, {.baselines = options_.metrics.baselines});
    if (options_.metrics.linearity) {
      scores.linearity = std::move(pair.linearity);
    }
    if (options_.metrics.baselines) {
      scores.baselines = std::move(pair.baselines);
    }
  }
  if (options_.metrics.linearity) {
    scores.displacement = target.all;
  }
  if (options_.metrics.geometry) {
    scores.geometry = score_spectrum(sum_of(folds, &PairMoments::y));
    scores.geometry->intrinsic_dimension =
        linscan::intrinsic_dimension(at::cat(target.sampled), options_.two_nn);
  }
  if (options_.metrics.tokens) {
    scores.tokens = score_first_tokens(target, accumulated, sum_of(folds, &PairMoments::y));
  }
  return scores;
}

FirstTokenScores StatisticsSink::score_first_tokens(const Target& target,
                                                    const std::vector<PairMoments>& rest,
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
  if (target.rest.n == 0) {
    const Score single = Score::missing("every window is one token long");
    for (TargetScores* missing : {&scores.without_first.stream, &scores.without_first.update}) {
      missing->in_sample = missing->held_out = single;
    }
    return scores;
  }
  scores.rest = target.rest;
  scores.without_first = score_pair(rest, {.baselines = false}).linearity;
  return scores;
}

}  // namespace linscan
