// What dynamics draw on: runs with their validated results by ascending step, and how they differ.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "linscan/report/dynamics.h"
#include "report/comparison.h"

namespace linscan {

class TrainedRun {
 public:
  // Keeps references into the documents, which must outlive it. Throws Error (kInput) as
  // make_dynamics() says. `run` has points.
  explicit TrainedRun(const DynamicsRun& run);

  const std::string& label() const { return label_; }
  const TrainingLog& log() const { return log_; }
  const std::vector<int64_t>& steps() const { return steps_; }
  // Of the step at this place.
  const ResultDocument& analysis(size_t place) const {
    return comparison_.models()[place].analysis;
  }
  size_t blocks() const { return analysis(0).blocks().size(); }
  // The results as models named by their step.
  const Comparison& comparison() const { return comparison_; }

  // The path whose numbers stand for the metric in all steps of this run.
  std::string path_of(const ComparedMetric& metric) const;
  bool in_sample(const ComparedMetric& metric) const;
  // Mean and extremes over the blocks, nothing where a block lacks the number.
  std::optional<Summary> summary(size_t place, std::string_view path) const;

 private:
  std::string label_;
  TrainingLog log_;
  std::vector<int64_t> steps_;
  Comparison comparison_;
};

class Dynamics {
 public:
  explicit Dynamics(const std::vector<DynamicsRun>& runs);

  const std::vector<TrainedRun>& runs() const { return runs_; }
  bool any(std::string_view path) const;
  // True where some run has numbers for it, also in sample.
  bool shown(const ComparedMetric& metric) const;
  bool any_in_sample(const ComparedMetric& metric) const;
  bool any_losses() const;

  // How runs differ from each other, and steps within a run.
  std::vector<std::string> differences() const;
  // Notes on logs, then warnings of the results, each once.
  std::vector<std::string> warnings() const;

 private:
  std::vector<TrainedRun> runs_;
};

// Those that are drawn over steps.
inline constexpr ComparedMetric kNormRatio{"norm ratio", "norm.ratio"};
inline constexpr ComparedMetric kEffectiveRank{"effective rank", "geometry.effective_rank"};
inline constexpr std::array kDynamicsMetrics = {
    kUpdateScore, kStreamScore, kNormRatio, kEffectiveRank};

// Means over stretches of steps that are equally wide on a logarithmic axis: at most 1 in 25 of the
// step. The step of a point is the last of its stretch.
std::vector<TrainingLog::Point> smoothed(const std::vector<TrainingLog::Point>& points);

}  // namespace linscan
