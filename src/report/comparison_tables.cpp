#include "report/comparison_tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/run_facts.h"
#include "report/text.h"

namespace linscan {
namespace {

std::string count_text(Number value) {
  return value ? short_count(*value) : std::string(kMissingMark);
}

std::string extreme_text(const std::string& path, const Extreme& extreme) {
  return fmt::format("{} @{}", metric_text(path, extreme.value), extreme.block);
}

void add_summary_cells(const ResultDocument& analysis,
                       const ComparedMetric& metric,
                       std::vector<std::string>& row) {
  const std::string path = chosen_path(analysis, metric);
  const std::optional<Summary> summary = summarize_metric(analysis, path);
  if (!summary) {
    row.insert(row.end(), 3, std::string(kMissingMark));
    return;
  }
  row.push_back(metric_text(path, summary->mean));
  if (is_in_sample(analysis, metric)) {
    row.back() += kInSampleMark;
  }
  row.push_back(extreme_text(path, summary->lowest));
  row.push_back(extreme_text(path, summary->highest));
}

bool shown(const Comparison& comparison, const ComparedMetric& metric) {
  return comparison.any(metric.path) ||
         (!metric.in_sample.empty() && comparison.any(metric.in_sample));
}

}  // namespace

TextTable models_table(const Comparison& comparison) {
  TextTable table;
  table.columns = {{"", "model", true},
                   {"", "blocks"},
                   {"", "d"},
                   {"", "params"},
                   {"", "n"},
                   {"", "n / d"},
                   {"", "null"},
                   {"", "ctx"},
                   {"", "protocol"},
                   {"", "dtype"},
                   {"", "token ids"}};
  for (const ComparedModel& model : comparison.models()) {
    const ResultDocument& analysis = model.analysis;
    const auto or_dash = [](const std::string& text) {
      return text.empty() ? std::string(kMissingMark) : text;
    };
    table.rows.push_back({model.label,
                          std::to_string(analysis.blocks().size()),
                          std::to_string(analysis.d()),
                          count_text(analysis.document_number("model.parameters")),
                          grouped(analysis.n()),
                          significant(tokens_per_feature(analysis), 3),
                          significant(analysis.null_score(), 2),
                          fixed(analysis.document_number("data.ctx"), 0),
                          or_dash(analysis.text("protocol.name")),
                          or_dash(analysis.text("compute.dtype")),
                          short_hash(analysis.text("data.sha256"))});
  }
  return table;
}

TextTable summary_table(const Comparison& comparison, std::span<const ComparedMetric> metrics) {
  TextTable table;
  table.columns = {{"", "model", true}};
  std::vector<const ComparedMetric*> present;
  for (const ComparedMetric& metric : metrics) {
    if (!shown(comparison, metric)) {
      continue;
    }
    present.push_back(&metric);
    for (const char* head : {"mean", "min @block", "max @block"}) {
      table.columns.push_back({std::string(metric.label), head});
    }
  }
  if (present.empty()) {
    return {};
  }
  for (const ComparedModel& model : comparison.models()) {
    table.rows.push_back({model.label});
    for (const ComparedMetric* metric : present) {
      add_summary_cells(model.analysis, *metric, table.rows.back());
    }
  }
  return table;
}

bool has_stand_ins(const Comparison& comparison) {
  return std::any_of(kComparedMetrics.begin(), kComparedMetrics.end(), [&](const auto& metric) {
    return std::any_of(
        comparison.models().begin(), comparison.models().end(), [&](const ComparedModel& model) {
          return is_in_sample(model.analysis, metric);
        });
  });
}

}  // namespace linscan
