// Dynamics as a document and as CSV.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "linscan/base/version.h"
#include "report/dynamics.h"
#include "report/text.h"

namespace linscan {
namespace {

Json values_of(const ResultDocument& analysis, const std::string& path) {
  Json values = Json::array();
  for (const Row& row : analysis.blocks()) {
    values.push_back(number_or_null(row.number(path)));
  }
  return values;
}

Json curve_of(const TrainedRun& run, const std::string& path) {
  Json mean = Json::array(), low = Json::array(), high = Json::array(), blocks = Json::array();
  for (size_t i = 0; i < run.steps().size(); ++i) {
    const std::optional<Summary> summary = run.summary(i, path);
    mean.push_back(summary ? Json(summary->mean) : Json(nullptr));
    low.push_back(summary ? Json(summary->lowest.value) : Json(nullptr));
    high.push_back(summary ? Json(summary->highest.value) : Json(nullptr));
    blocks.push_back(values_of(run.analysis(i), path));
  }
  return {{"mean", std::move(mean)},
          {"min", std::move(low)},
          {"max", std::move(high)},
          {"blocks", std::move(blocks)}};
}

Json losses_of(const std::vector<TrainingLog::Point>& points) {
  Json steps = Json::array(), values = Json::array();
  for (const TrainingLog::Point& point : points) {
    steps.push_back(point.step);
    values.push_back(point.loss);
  }
  return {{"steps", std::move(steps)}, {"values", std::move(values)}};
}

Json run_json(const TrainedRun& run) {
  Json json = {{"label", run.label()}};
  json.update(facts_json(run.analysis(0)));
  json["steps"] = run.steps();
  json["tokens"] = Json::array();
  for (size_t i = 0; i < run.steps().size(); ++i) {
    json["tokens"].push_back(number_or_null(run.analysis(i).document_number("training.tokens")));
  }
  json["curves"] = Json::object();
  for (const std::string& path : compared_paths()) {
    if (run.comparison().any(path)) {
      json["curves"][path] = curve_of(run, path);
    }
  }
  const TrainingLog& log = run.log();
  if (!log.training.empty() || !log.held_out.empty()) {
    json["loss"] = {{"training", losses_of(smoothed(log.training))},
                    {"training_is", log.cross_entropy ? "cross_entropy" : "loss"},
                    {"held_out", losses_of(log.held_out)}};
  }
  return json;
}

void add_row(const std::string& label,
             int64_t step,
             const std::string& block,
             const std::string& metric,
             Number value,
             std::string& out) {
  out += fmt::format("{},{},{},{},{}\r\n",
                     csv_field(label),
                     step,
                     block,
                     metric,
                     value ? exact(*value) : std::string());
}

void add_metric_rows(const TrainedRun& run, const std::string& path, std::string& out) {
  for (size_t i = 0; i < run.steps().size(); ++i) {
    const std::optional<Summary> summary = run.summary(i, path);
    add_row(run.label(),
            run.steps()[i],
            "mean",
            path,
            summary ? Number(summary->mean) : std::nullopt,
            out);
    for (const Row& row : run.analysis(i).blocks()) {
      add_row(run.label(), run.steps()[i], row.name(), path, row.number(path), out);
    }
  }
}

}  // namespace

Json make_dynamics(const std::vector<DynamicsRun>& runs) {
  const Dynamics dynamics(runs);
  Json list = Json::array(), definitions = Json::object();
  for (const TrainedRun& run : dynamics.runs()) {
    list.push_back(run_json(run));
    definitions.update(metric_definitions(run.comparison()));
  }
  return {{"schema", kDynamicsSchema},
          {"software", {{"linscan", version()}, {"commit", commit()}}},
          {"differences", dynamics.differences()},
          {"warnings", dynamics.warnings()},
          {"metrics", std::move(definitions)},
          {"runs", std::move(list)}};
}

std::string render_dynamics_csv(const std::vector<DynamicsRun>& runs) {
  const Dynamics dynamics(runs);
  std::string out = "run,step,block,metric,value\r\n";
  for (const TrainedRun& run : dynamics.runs()) {
    for (const std::string& path : compared_paths()) {
      if (run.comparison().any(path)) {
        add_metric_rows(run, path, out);
      }
    }
    for (const TrainingLog::Point& point : smoothed(run.log().training)) {
      add_row(run.label(), point.step, "", "loss.training", point.loss, out);
    }
    for (const TrainingLog::Point& point : run.log().held_out) {
      add_row(run.label(), point.step, "", "loss.held_out", point.loss, out);
    }
  }
  return out;
}

}  // namespace linscan
