// Every metric, declared once: --help, result.json and the report draw on this table.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace linscan {

struct MetricInfo {
  std::string_view path;   // where it stands in a block of result.json: "linearity.stream.held_out"
  std::string_view group;  // what --metrics calls it: "linearity", "baselines", ...
  std::string_view label;  // for people, in tables and plots
  std::string_view formula;
  std::string_view meaning;
  std::optional<double> lowest;  // of the possible range; nullopt: unbounded
  std::optional<double> highest;
  std::string_view direction;  // "higher": more linear, more similar, ...; "lower"; "none"
  std::string_view source;     // paper and section
};

std::span<const MetricInfo> metric_registry();

// Names of the metric groups in registry order, each once.
std::span<const std::string_view> metric_groups();

}  // namespace linscan
