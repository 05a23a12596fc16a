#include "report/dynamics.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "linscan/base/error.h"
#include "report/json_checks.h"
#include "report/text.h"

namespace linscan {
namespace {

constexpr double kStretch = 1.04;  // last step over first of what one smoothed point stands for

std::vector<DynamicsPoint> sorted_points(const DynamicsRun& run) {
  LINSCAN_CHECK(!run.points.empty(), kInput, "{}: no result of any step", run.label);
  std::vector<DynamicsPoint> points = run.points;
  std::stable_sort(
      points.begin(), points.end(), [](const auto& a, const auto& b) { return a.step < b.step; });
  for (size_t i = 1; i < points.size(); ++i) {
    LINSCAN_CHECK(points[i].step != points[i - 1].step,
                  kInput,
                  "{}: step {} is there twice, also as {}; --label tells the results of several "
                  "runs apart",
                  points[i].source,
                  points[i].step,
                  points[i - 1].source);
  }
  return points;
}

Comparison comparison_of_steps(const std::vector<DynamicsPoint>& points) {
  std::vector<ComparisonInput> inputs;
  for (const DynamicsPoint& point : points) {
    inputs.push_back({point.document, point.source, fmt::format("step {}", point.step)});
  }
  return Comparison(inputs);
}

// The first results under the names of the runs.
Comparison comparison_of_runs(const std::vector<TrainedRun>& runs) {
  std::vector<ComparisonInput> inputs;
  for (const TrainedRun& run : runs) {
    inputs.push_back({&run.analysis(0).json(), run.label(), run.label()});
  }
  return Comparison(inputs);
}

}  // namespace

std::optional<int64_t> training_step(const Json& document) {
  const Json* training = find_path(document, "training");
  if (training == nullptr || training->is_null()) {
    return std::nullopt;
  }
  require_object(*training, "training");
  const Json& step = require(*training, "step", "training.");
  check_count(step, "training.step");
  return step.get<int64_t>();
}

TrainedRun::TrainedRun(const DynamicsRun& run)
    : label_(clean_text(run.label)),
      log_(run.log),
      comparison_(comparison_of_steps(sorted_points(run))) {
  const std::vector<DynamicsPoint> points = sorted_points(run);
  for (size_t i = 0; i < points.size(); ++i) {
    steps_.push_back(points[i].step);
    LINSCAN_CHECK(analysis(i).blocks().size() == blocks(),
                  kInput,
                  "{}: {} blocks, {} in {}: not the same model; --label tells the results of "
                  "several runs apart",
                  points[i].source,
                  analysis(i).blocks().size(),
                  blocks(),
                  points[0].source);
  }
}

bool TrainedRun::in_sample(const ComparedMetric& metric) const {
  return !metric.in_sample.empty() && !comparison_.any(metric.path) &&
         comparison_.any(metric.in_sample);
}

std::string TrainedRun::path_of(const ComparedMetric& metric) const {
  return std::string(in_sample(metric) ? metric.in_sample : metric.path);
}

std::optional<Summary> TrainedRun::summary(size_t place, std::string_view path) const {
  const std::optional<Summary> summary = summarize_metric(analysis(place), path);
  return summary && summary->blocks == blocks() ? summary : std::nullopt;
}

Dynamics::Dynamics(const std::vector<DynamicsRun>& runs) {
  LINSCAN_CHECK(!runs.empty(), kInput, "nothing to compare: give at least one result");
  std::set<std::string> taken;
  for (const DynamicsRun& run : runs) {
    DynamicsRun named = run;
    for (int count = 2; !taken.insert(clean_text(named.label)).second; ++count) {
      named.label = fmt::format("{} #{}", run.label, count);
    }
    runs_.emplace_back(named);
  }
}

bool Dynamics::any(std::string_view path) const {
  return std::ranges::any_of(runs_,
                             [&](const TrainedRun& run) { return run.comparison().any(path); });
}

bool Dynamics::shown(const ComparedMetric& metric) const {
  return any(metric.path) || any_in_sample(metric);
}

bool Dynamics::any_in_sample(const ComparedMetric& metric) const {
  return std::ranges::any_of(runs_, [&](const TrainedRun& run) { return run.in_sample(metric); });
}

bool Dynamics::any_losses() const {
  return std::ranges::any_of(runs_, [](const TrainedRun& run) {
    return !run.log().training.empty() || !run.log().held_out.empty();
  });
}

std::vector<std::string> Dynamics::differences() const {
  std::vector<std::string> out = comparison_of_runs(runs_).differences();
  for (const TrainedRun& run : runs_) {
    for (const std::string& difference : run.comparison().differences()) {
      out.push_back(fmt::format("within {}: {}", run.label(), difference));
    }
  }
  return out;
}

std::vector<std::string> Dynamics::warnings() const {
  std::vector<std::string> out;
  for (const TrainedRun& run : runs_) {
    for (const std::string& note : run.log().notes) {
      out.push_back(clean_text(note));
    }
  }
  std::vector<std::pair<std::string, std::vector<std::string>>> of_runs;
  for (const TrainedRun& run : runs_) {
    std::set<std::string> seen;
    for (const ComparedModel& model : run.comparison().models()) {
      for (const std::string& warning : model.analysis.warnings()) {
        if (!seen.insert(warning).second) {
          continue;
        }
        auto it = std::ranges::find_if(of_runs,
                                       [&](const auto& entry) { return entry.first == warning; });
        if (it == of_runs.end()) {
          it = of_runs.insert(it, {warning, {}});
        }
        it->second.push_back(run.label());
      }
    }
  }
  for (const auto& [warning, labels] : of_runs) {
    out.push_back(fmt::format("{}: {}", name_list(labels), warning));
  }
  return out;
}

std::vector<TrainingLog::Point> smoothed(const std::vector<TrainingLog::Point>& points) {
  std::vector<TrainingLog::Point> out;
  for (size_t first = 0; first < points.size();) {
    const double limit = static_cast<double>(points[first].step) * kStretch;
    double sum = 0;
    size_t end = first;
    do {
      sum += points[end++].loss;
    } while (end < points.size() && static_cast<double>(points[end].step) <= limit);
    out.push_back({points[end - 1].step, sum / static_cast<double>(end - first)});
    first = end;
  }
  return out;
}

}  // namespace linscan
