// How well a linear map predicts y from x: the paper's score, its corrections, and simpler maps to
// compare with.
//
// With X, Y the centred states and A the best map, score = 1 - min_A ||X A - Y||^2 / ||Y||^2 (paper
// section 3.1): the R^2 of an affine regression over all features.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "linscan/base/task_pool.h"
#include "linscan/stats/moments.h"

namespace linscan {

// A number that may not exist; then `reason` says why.
struct Score {
  std::optional<double> value;
  std::string reason;

  static Score of(double value) { return {value, ""}; }
  static Score missing(std::string reason) { return {std::nullopt, std::move(reason)}; }
};

struct TargetScores {
  Score in_sample;
  Score adjusted;  // 1 - (1 - in_sample)(n - 1)/(n - d - 1)
  Score held_out;
  std::optional<std::pair<double, double>> held_out_interval;  // 95 %
  Score median_feature;  // median over features of their in-sample R^2
  Score without_top_pc;  // in-sample R^2 of the target's variance outside its first principal
                         // component
};

struct LinearityScores {
  TargetScores stream;
  TargetScores update;
};

// Maps simpler than the full affine one, of the stream, in sample; each is an R^2.
struct BaselineScores {
  Score scaled_identity;           // y = a x
  Score diagonal;                  // y_j = a_j x_j
  Score orthogonal;                // y = a x Q, Q orthogonal (Procrustes)
  Score ridge;                     // affine with ridge 0.01 on standardised features
  std::map<int64_t, double> rank;  // best affine map of rank k, k = 1, 2, 4, ... C
  Score cca;                       // mean squared canonical correlation
};

struct LinearityOptions {
  bool baselines = true;
};

struct PairScores {
  LinearityScores linearity;
  BaselineScores baselines;
};

// Solves the scores of one pair as tasks that share nothing but what they read.
class PairScoring {
 public:
  // `folds` are disjoint parts of the data that sum to `all`; with fewer than two there is no
  // held-out score. All tensors fp64 on one device, all moments with the same shifts. `folds` must
  // outlive this.
  PairScoring(const PairMoments& all,
              const std::vector<PairMoments>& folds,
              const LinearityOptions& options);
  ~PairScoring();
  PairScoring(const PairScoring&) = delete;
  PairScoring& operator=(const PairScoring&) = delete;

  // This must outlive the tasks.
  void add_tasks(TaskPool& pool);
  // The scores, after the tasks have run.
  PairScores finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The same for one pair alone.
PairScores score_pair(const std::vector<PairMoments>& folds, const LinearityOptions& options);

// 95 % interval of a pooled ratio 1 - sum(error) / sum(total) over K folds: linearised ratio
// estimator, Student t with K - 1 degrees of freedom.
std::optional<std::pair<double, double>> fold_interval(const std::vector<double>& errors,
                                                       const std::vector<double>& totals);

// d / (n - 1): what unrelated data scores in sample.
double null_in_sample(int64_t n, int64_t d);

}  // namespace linscan
