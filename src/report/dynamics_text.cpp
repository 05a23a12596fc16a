// Dynamics for a terminal and as Markdown.
#include <fmt/format.h>

#include <algorithm>

#include "report/comparison_tables.h"
#include "report/dynamics_tables.h"
#include "report/text.h"

namespace linscan {
namespace {

constexpr int kLabelWidth = 11;

Number last_loss(const std::vector<TrainingLog::Point>& points) {
  return points.empty() ? std::nullopt : Number(points.back().loss);
}

std::string steps_text(const TrainedRun& run) {
  return run.steps().size() == 1
             ? grouped(run.steps().front())
             : fmt::format("{} to {}", grouped(run.steps().front()), grouped(run.steps().back()));
}

std::string extreme_text(std::string_view path, const Extreme& extreme) {
  return fmt::format("{} @{}", metric_text(path, extreme.value), extreme.block);
}

void add_metric_cells(const TrainedRun& run,
                      size_t place,
                      const ComparedMetric& metric,
                      std::vector<std::string>& row) {
  const std::string path = run.path_of(metric);
  const std::optional<Summary> summary = run.summary(place, path);
  row.push_back(summary ? metric_text(path, summary->mean) : std::string(kMissingMark));
  if (summary && run.in_sample(metric)) {
    row.back() += kInSampleMark;
  }
  if (metric.path == kUpdateScore.path) {
    row.push_back(summary ? extreme_text(path, summary->lowest) : std::string(kMissingMark));
    row.push_back(summary ? extreme_text(path, summary->highest) : std::string(kMissingMark));
  }
}

bool any_stand_ins(const Dynamics& dynamics) {
  return std::ranges::any_of(kDynamicsMetrics, [&](const ComparedMetric& metric) {
    return dynamics.any_in_sample(metric);
  });
}

bool any_metric(const Dynamics& dynamics) {
  return std::ranges::any_of(kDynamicsMetrics,
                             [&](const ComparedMetric& metric) { return dynamics.shown(metric); });
}

}  // namespace

TextTable runs_table(const Dynamics& dynamics) {
  TextTable table;
  table.columns = {{"", "run", true},
                   {"", "blocks"},
                   {"", "d"},
                   {"", "params"},
                   {"", "n"},
                   {"", "n / d"},
                   {"", "results"},
                   {"", "steps"}};
  const bool losses = dynamics.any_losses();
  if (losses) {
    table.columns.push_back({"last loss", "training"});
    table.columns.push_back({"last loss", "held out"});
  }
  for (const TrainedRun& run : dynamics.runs()) {
    const ResultDocument& analysis = run.analysis(0);
    const Number parameters = analysis.document_number("model.parameters");
    table.rows.push_back({run.label(),
                          std::to_string(run.blocks()),
                          std::to_string(analysis.d()),
                          parameters ? short_count(*parameters) : std::string(kMissingMark),
                          grouped(analysis.n()),
                          significant(tokens_per_feature(analysis), 3),
                          std::to_string(run.steps().size()),
                          steps_text(run)});
    if (losses) {
      table.rows.back().push_back(fixed(last_loss(smoothed(run.log().training)), 4));
      table.rows.back().push_back(fixed(last_loss(run.log().held_out), 4));
    }
  }
  return table;
}

TextTable steps_table(const Dynamics& dynamics) {
  TextTable table;
  const bool several = dynamics.runs().size() > 1;
  if (several) {
    table.columns.push_back({"", "run", true});
  }
  table.columns.push_back({"", "step"});
  std::vector<const ComparedMetric*> present;
  for (const ComparedMetric& metric : kDynamicsMetrics) {
    if (!dynamics.shown(metric)) {
      continue;
    }
    present.push_back(&metric);
    table.columns.push_back({std::string(metric.label), "mean"});
    if (metric.path == kUpdateScore.path) {
      table.columns.push_back({std::string(metric.label), "min @block"});
      table.columns.push_back({std::string(metric.label), "max @block"});
    }
  }
  for (const TrainedRun& run : dynamics.runs()) {
    for (size_t i = 0; i < run.steps().size(); ++i) {
      std::vector<std::string> row;
      if (several) {
        row.push_back(run.label());
      }
      row.push_back(grouped(run.steps()[i]));
      for (const ComparedMetric* metric : present) {
        add_metric_cells(run, i, *metric, row);
      }
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

std::string render_dynamics_table(const std::vector<DynamicsRun>& runs) {
  const Dynamics dynamics(runs);
  std::string out = draw_text_table(runs_table(dynamics)) + "\n";
  const std::vector<std::string> differences = dynamics.differences();
  for (const std::string& difference : differences) {
    out += labelled_text("DIFFERENT", difference, kLabelWidth);
  }
  out += differences.empty() ? "" : "\n";
  if (any_metric(dynamics)) {
    out += draw_text_table(steps_table(dynamics)) + "\n";
    out += labelled_text("", kMeansRemark, kLabelWidth);
  } else {
    out += "none of the metrics over steps is in these results\n\n";
  }
  if (any_stand_ins(dynamics)) {
    out += labelled_text("", kStepInSampleRemark, kLabelWidth);
  }
  for (const std::string& warning : dynamics.warnings()) {
    out += labelled_text("warning", warning, kLabelWidth);
  }
  return out;
}

std::string render_dynamics_markdown(const std::vector<DynamicsRun>& runs) {
  const Dynamics dynamics(runs);
  std::string out = "# Linearity over training\n\n";
  out += draw_markdown_table(runs_table(dynamics)) + "\n";
  out += markdown_list("The runs differ", dynamics.differences());
  out += markdown_list("Warnings", dynamics.warnings());
  out += "## Over the steps\n\n";
  out += any_metric(dynamics) ? draw_markdown_table(steps_table(dynamics)) + "\n" +
                                    markdown_text(kMeansRemark) + ".\n"
                              : "None of the metrics over steps is in these results.\n";
  if (any_stand_ins(dynamics)) {
    out += "\n" + markdown_text(kStepInSampleRemark) + ".\n";
  }
  return out;
}

}  // namespace linscan
