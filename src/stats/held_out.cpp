#include "stats/held_out.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>

#include "linscan/stats/ratio.h"
#include "linscan/stats/whitener.h"
#include "stats/centered_pair.h"
#include "stats/products.h"

namespace linscan {
namespace {

// What a map of the update is fitted from.
struct Training {
  int64_t n = 0;
  at::Tensor xx, xd;        // (C, C) raw second moments about the shifts
  at::Tensor sum_x, sum_d;  // (C) of the shifted rows
};

// The sum of all folds but one. Never the difference of all data and that fold, which would leave
// rounding noise where only the fold itself has variance.
Training training_moments(const std::vector<PairMoments>& folds, size_t left_out) {
  Training sum;
  for (size_t k = 0; k < folds.size(); ++k) {
    const PairMoments& fold = folds[k];
    if (k == left_out) {
      continue;
    }
    if (!sum.xx.defined()) {
      sum = {fold.x.n,
             fold.x.gram.clone(),
             fold.x_update.clone(),
             fold.x.sum.clone(),
             fold.update_sum()};
      continue;
    }
    sum.n += fold.x.n;
    sum.xx.add_(fold.x.gram);
    sum.xd.add_(fold.x_update);
    sum.sum_x.add_(fold.x.sum);
    sum.sum_d.add_(fold.update_sum());
  }
  return sum;
}

// The map of the update, (C, C). Uses the moments up.
at::Tensor fit_update(Training& train) {
  const double weight = -1.0 / static_cast<double>(train.n);
  train.xx.addr_(train.sum_x, train.sum_x, 1, weight);
  train.xd.addr_(train.sum_x, train.sum_d, 1, weight);
  const Whitener whitener(std::exchange(train.xx, {}));
  return whitener.unwhiten(whitener.whiten(std::exchange(train.xd, {})));
}

double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

Score pooled_score(double error, double total) {
  return total > kNoVariance ? Score::of(1.0 - error / total)
                             : Score::missing("the target has no variance");
}

// Two-sided 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom.
constexpr double kStudent975[] = {12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912,
                                  2.364624,  2.306004, 2.262157, 2.228139, 2.200985, 2.178813,
                                  2.160369,  2.144787, 2.131450, 2.119905, 2.109816, 2.100922,
                                  2.093024,  2.085963, 2.079614, 2.073873, 2.068658, 2.063899,
                                  2.059539,  2.055529, 2.051831, 2.048407, 2.045230, 2.042272};

}  // namespace

HeldOut::HeldOut(const std::vector<PairMoments>& folds) : folds_(folds) {
  const int64_t d = folds.front().x.gram.size(0);
  int64_t all = 0;
  int64_t largest = 0;
  for (size_t k = 0; k < folds.size(); ++k) {
    all += folds[k].x.n;
    largest = std::max(largest, folds[k].x.n);
    if (folds[k].x.n > 0) {
      scored_.push_back(k);
    }
  }
  if (scored_.size() < 2) {
    reason_ = "needs at least two folds with tokens";
  } else if (all - largest <= d + 1) {
    reason_ = fmt::format(
        "needs more than {} training tokens in every fold, got {}", d + 1, all - largest);
  }
  if (!reason_.empty()) {
    scored_.clear();
  }
  error_.resize(folds.size());
  stream_total_.resize(folds.size());
  update_total_.resize(folds.size());
}

void HeldOut::score_fold(size_t fold) {
  const PairMoments& test = folds_[fold];
  Training train = training_moments(folds_, fold);
  const auto train_n = static_cast<double>(train.n);
  const at::Tensor mean_x = train.sum_x / train_n;  // relative to the shift
  const at::Tensor mean_d = train.sum_d / train_n;
  const at::Tensor map = fit_update(train);
  const auto n = static_cast<double>(test.x.n);
  const at::Tensor sum_x = test.x.sum;
  const at::Tensor sum_d = test.update_sum();
  // Error of the rows about the training means: dd - 2 <xd, map> + <map, xx map>. Moving xd and xx
  // from the shifts to these means changes them by products of vectors, which the map sees as such.
  const at::Tensor mapped_sum = map.t().mv(sum_x);
  const at::Tensor mapped_mean = map.t().mv(mean_x);
  const double dd =
      (test.update_square - 2 * mean_d * sum_d + n * mean_d.square()).sum().item<double>();
  const double xd = inner_product(test.x_update, map) -
                    (mapped_sum.dot(mean_d) + mapped_mean.dot(sum_d - n * mean_d)).item<double>();
  const double xx = quadratic_form(test.x.gram, map) -
                    mapped_mean.dot(2 * mapped_sum - n * mapped_mean).item<double>();
  const at::Tensor mean_y = mean_x + mean_d;
  const double yy =
      (test.y.gram.diagonal() - 2 * mean_y * test.y.sum + n * mean_y.square()).sum().item<double>();
  error_[fold] = std::max(0.0, dd - 2 * xd + xx);
  stream_total_[fold] = yy;
  update_total_[fold] = dd;
}

void HeldOut::finish(LinearityScores& scores) const {
  if (scored_.empty()) {
    scores.stream.held_out = scores.update.held_out = Score::missing(reason_);
    return;
  }
  const auto of_scored = [this](const std::vector<double>& by_fold) {
    std::vector<double> values;
    values.reserve(scored_.size());
    for (const size_t k : scored_) {
      values.push_back(by_fold[k]);
    }
    return values;
  };
  const std::vector<double> error = of_scored(error_);
  const auto set = [&](TargetScores& target, const std::vector<double>& totals) {
    target.held_out = pooled_score(sum_of(error), sum_of(totals));
    target.held_out_interval = fold_interval(error, totals);
  };
  set(scores.stream, of_scored(stream_total_));
  set(scores.update, of_scored(update_total_));
}

std::optional<std::pair<double, double>> fold_interval(const std::vector<double>& errors,
                                                       const std::vector<double>& totals) {
  const size_t folds = errors.size();
  if (folds < 2 || sum_of(totals) <= kNoVariance) {
    return std::nullopt;
  }
  const Ratio ratio = ratio_of_sums(errors, totals);
  const double margin =
      kStudent975[std::min(folds - 1, std::size(kStudent975)) - 1] * ratio.error.value();
  return std::pair(1 - ratio.value - margin, 1 - ratio.value + margin);
}

}  // namespace linscan
