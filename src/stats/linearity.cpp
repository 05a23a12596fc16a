#include "linscan/stats/linearity.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "linscan/stats/whitener.h"
#include "stats/top_component.h"

namespace linscan {
namespace {

constexpr double kRidge = 0.01;
constexpr double kNoVariance = 1e-30;

// The centred second moments of one data set, (C, C) fp64; d = y - x is the update.
struct Centered {
  int64_t n;
  at::Tensor xx, xy, yy;
  at::Tensor xd;       // x with the update
  at::Tensor dd_diag;  // (C) variance sums of the update
  double yy_trace, dd_trace, xx_trace;
};

Centered center(const PairMoments& m) {
  const auto n = static_cast<double>(m.x.n);
  Centered c;
  c.n = m.x.n;
  c.xx = m.x.centered();
  c.yy = m.y.centered();
  c.xy = at::addr(m.cross, m.x.sum, m.y.sum, 1, -1.0 / n);
  c.xd = c.xy - c.xx;
  c.dd_diag = (m.update_square - (m.y.sum - m.x.sum).square() / n).clamp_min(0);
  c.xx_trace = c.xx.diagonal().sum().item<double>();
  c.yy_trace = c.yy.diagonal().sum().item<double>();
  c.dd_trace = c.dd_diag.sum().item<double>();
  return c;
}

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

struct HeldOut {
  std::vector<double> error, stream_total, update_total;
};

// What a map of the update is fitted from.
struct Training {
  int64_t n = 0;
  at::Tensor xx, xy;        // raw second moments about the shifts
  at::Tensor sum_x, sum_y;  // of the shifted rows
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
             fold.cross.clone(),
             fold.x.sum.clone(),
             fold.y.sum.clone()};
      continue;
    }
    sum.n += fold.x.n;
    sum.xx.add_(fold.x.gram);
    sum.xy.add_(fold.cross);
    sum.sum_x.add_(fold.x.sum);
    sum.sum_y.add_(fold.y.sum);
  }
  return sum;
}

// The map of the update, (C, C). Centres the moments in place.
at::Tensor fit_update(Training& train) {
  const double weight = -1.0 / static_cast<double>(train.n);
  const at::Tensor& xx = train.xx.addr_(train.sum_x, train.sum_x, 1, weight);
  const at::Tensor& xd = train.xy.addr_(train.sum_x, train.sum_y, 1, weight).sub_(xx);
  const Whitener whitener(xx);
  return whitener.unwhiten(whitener.whiten(xd));
}

// Squared error on `test` of the map fitted on `train`, and the variance of the target about the
// mean of `train`.
void add_held_out(Training train, const PairMoments& test, HeldOut& result) {
  const at::Tensor map = fit_update(train);
  // Moments of the test rows about the means of the training rows.
  const auto n = static_cast<double>(test.x.n);
  const auto train_n = static_cast<double>(train.n);
  const at::Tensor mean_x = train.sum_x / train_n;  // relative to the shift
  const at::Tensor mean_y = train.sum_y / train_n;
  const auto about = [n](const at::Tensor& raw,
                         const at::Tensor& sum_a,
                         const at::Tensor& mean_a,
                         const at::Tensor& sum_b,
                         const at::Tensor& mean_b) {
    at::Tensor moved = at::addr(raw, sum_a, mean_b, 1, -1);
    moved.addr_(mean_a, sum_b - n * mean_b, 1, -1);
    return moved;
  };
  const at::Tensor xx = about(test.x.gram, test.x.sum, mean_x, test.x.sum, mean_x);
  const at::Tensor xd = about(test.cross, test.x.sum, mean_x, test.y.sum, mean_y).sub_(xx);
  const at::Tensor mean_d = mean_y - mean_x;
  const at::Tensor sum_d = test.y.sum - test.x.sum;
  const double dd =
      (test.update_square - 2 * mean_d * sum_d + n * mean_d.square()).sum().item<double>();
  const double yy =
      (test.y.gram.diagonal() - 2 * mean_y * test.y.sum + n * mean_y.square()).sum().item<double>();
  // <M, xx M - 2 xd>: the quadratic and the linear part of the error in one product.
  const double change = (xd.mul_(-2).addmm_(xx, map).mul_(map)).sum().item<double>();
  result.error.push_back(std::max(0.0, dd + change));
  result.stream_total.push_back(yy);
  result.update_total.push_back(dd);
}

double sum_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) {
    sum += value;
  }
  return sum;
}

void score_held_out(const PairMoments& all,
                    const std::vector<PairMoments>& folds,
                    LinearityScores& scores) {
  const int64_t d = all.x.gram.size(0);
  std::string reason;
  int64_t smallest_train = all.x.n;
  int64_t filled = 0;
  for (const PairMoments& fold : folds) {
    smallest_train = std::min(smallest_train, all.x.n - fold.x.n);
    filled += fold.x.n > 0 ? 1 : 0;
  }
  if (filled < 2) {
    reason = "needs at least two folds with tokens";
  } else if (smallest_train <= d + 1) {
    reason = fmt::format(
        "needs more than {} training tokens in every fold, got {}", d + 1, smallest_train);
  }
  if (!reason.empty()) {
    scores.stream.held_out = scores.update.held_out = Score::missing(reason);
    return;
  }
  HeldOut held_out;
  for (size_t k = 0; k < folds.size(); ++k) {
    if (folds[k].x.n > 0) {
      add_held_out(training_moments(folds, k), folds[k], held_out);
    }
  }
  const double error = sum_of(held_out.error);
  scores.stream.held_out = ratio_score(error, sum_of(held_out.stream_total));
  scores.update.held_out = ratio_score(error, sum_of(held_out.update_total));
  scores.stream.held_out_interval = fold_interval(held_out.error, held_out.stream_total);
  scores.update.held_out_interval = fold_interval(held_out.error, held_out.update_total);
}

void score_in_sample(const Centered& c,
                     const at::Tensor& whitened_y,
                     const at::Tensor& whitened_d,
                     LinearityScores& scores) {
  const int64_t d = c.xx.size(0);
  // The error is computed from the update, where it is not a small difference of large numbers.
  const at::Tensor error = (c.dd_diag - whitened_d.square().sum(0)).clamp_min(0);  // per feature
  const double total_error = error.sum().item<double>();
  const at::Tensor dd = c.yy - c.xy - c.xy.t() + c.xx;
  for (TargetScores* target : {&scores.stream, &scores.update}) {
    const bool stream = target == &scores.stream;
    const double trace = stream ? c.yy_trace : c.dd_trace;
    target->in_sample = ratio_score(total_error, trace);
    target->adjusted = adjust(target->in_sample, c.n, d);
    target->median_feature = median_of_features(error, stream ? c.yy.diagonal() : c.dd_diag);
    target->without_top_pc =
        score_without_top_pc(stream ? c.yy : dd, stream ? whitened_y : whitened_d, trace);
  }
}

std::map<int64_t, double> rank_curve(const at::Tensor& whitened_y, double yy_trace) {
  // Eigenvalues of Sxy^T Sxx^+ Sxy, largest first: what each further direction explains.
  const at::Tensor explained =
      at::linalg_eigvalsh(whitened_y.t().mm(whitened_y)).flip(0).clamp_min(0).cumsum(0).cpu();
  std::map<int64_t, double> curve;
  const int64_t d = explained.size(0);
  for (int64_t k = 1;; k = std::min(2 * k, d)) {
    curve[k] = explained[k - 1].item<double>() / yy_trace;
    if (k == d) {
      return curve;
    }
  }
}

BaselineScores score_baselines(const Centered& c,
                               const Whitener& whitener,
                               const at::Tensor& whitened_y) {
  BaselineScores scores;
  if (c.yy_trace <= kNoVariance || c.xx_trace <= kNoVariance) {
    const Score missing = Score::missing("the states have no variance");
    scores.scaled_identity = scores.diagonal = scores.orthogonal = scores.ridge = scores.cca =
        missing;
    return scores;
  }
  const at::Tensor xx = c.xx.diagonal();
  const at::Tensor xy = c.xy.diagonal();
  const double inner = xy.sum().item<double>();
  scores.scaled_identity = Score::of(inner * inner / (c.xx_trace * c.yy_trace));
  const at::Tensor alive = xx > xx.max() * 1e-28;
  const at::Tensor explained = at::where(alive, xy.square() / xx, at::zeros_like(xy));
  scores.diagonal = Score::of(explained.sum().item<double>() / c.yy_trace);
  const double nuclear = at::linalg_svdvals(c.xy).sum().item<double>();
  scores.orthogonal = Score::of(nuclear * nuclear / (c.xx_trace * c.yy_trace));
  scores.rank = rank_curve(whitened_y, c.yy_trace);

  // Ridge: standardised features, penalty kRidge times their variance.
  at::Tensor ridged = c.xx.clone();
  ridged.diagonal().mul_(1 + kRidge);
  const Whitener ridge(ridged);
  const at::Tensor map = ridge.unwhiten(ridge.whiten(c.xy));
  const double gain =
      2 * (map * c.xy).sum().item<double>() - (map * c.xx.mm(map)).sum().item<double>();
  scores.ridge = Score::of(gain / c.yy_trace);

  const Whitener whitener_y(c.yy);
  const double squares = whitener_y.whiten(whitened_y.t()).square().sum().item<double>();
  scores.cca =
      Score::of(squares / static_cast<double>(std::min(whitener.rank(), whitener_y.rank())));
  return scores;
}

// Two-sided 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom.
constexpr double kStudent975[] = {12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912,
                                  2.364624,  2.306004, 2.262157, 2.228139, 2.200985, 2.178813,
                                  2.160369,  2.144787, 2.131450, 2.119905, 2.109816, 2.100922,
                                  2.093024,  2.085963, 2.079614, 2.073873, 2.068658, 2.063899,
                                  2.059539,  2.055529, 2.051831, 2.048407, 2.045230, 2.042272};

}  // namespace

double null_in_sample(int64_t n, int64_t d) {
  return n > 1 ? std::min(1.0, static_cast<double>(d) / static_cast<double>(n - 1)) : 1.0;
}

std::optional<std::pair<double, double>> fold_interval(const std::vector<double>& errors,
                                                       const std::vector<double>& totals) {
  const size_t folds = errors.size();
  const double total = sum_of(totals);
  if (folds < 2 || total <= kNoVariance) {
    return std::nullopt;
  }
  const double ratio = sum_of(errors) / total;
  double squares = 0;
  for (size_t k = 0; k < folds; ++k) {
    const double residual = errors[k] - ratio * totals[k];
    squares += residual * residual;
  }
  const auto count = static_cast<double>(folds);
  const double standard_error = std::sqrt(count / (count - 1) * squares) / total;
  const double quantile = kStudent975[std::min(folds - 1, std::size(kStudent975)) - 1];
  return std::pair(1 - ratio - quantile * standard_error, 1 - ratio + quantile * standard_error);
}

PairScores score_pair(const std::vector<PairMoments>& folds, const LinearityOptions& options) {
  PairMoments all = folds.front().clone();
  for (size_t k = 1; k < folds.size(); ++k) {
    all += folds[k];
  }
  const Centered c = center(all);
  const Whitener whitener(c.xx);
  const at::Tensor whitened_y = whitener.whiten(c.xy);
  const at::Tensor whitened_d = whitener.whiten(c.xd);
  PairScores scores;
  score_in_sample(c, whitened_y, whitened_d, scores.linearity);
  score_held_out(all, folds, scores.linearity);
  if (options.baselines) {
    scores.baselines = score_baselines(c, whitener, whitened_y);
  }
  return scores;
}

}  // namespace linscan
