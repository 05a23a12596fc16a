#include <deque>
#include <string>
#include <utility>

#include "stats/registry_groups.h"

namespace linscan {
namespace {

struct Sublayer {
  const char* name;
  const char* label;
  const char* input;
};

constexpr Sublayer kSublayers[] = {
    {"attention", "attention", "the stream that enters the block"},
    {"mlp", "MLP", "the stream that the MLP reads: after attention, or beside it where both run in "
                   "parallel"},
};

}  // namespace

std::vector<MetricInfo> sublayer_metrics(std::span<const MetricInfo> linearity) {
  static std::deque<std::string> texts;  // that the entries point into, for as long as they live
  const auto kept = [](std::string text) -> std::string_view {
    return texts.emplace_back(std::move(text));
  };
  std::vector<MetricInfo> metrics;
  for (const Sublayer& sublayer : kSublayers) {
    for (const MetricInfo& metric : linearity) {
      const std::string path(metric.path);
      MetricInfo& own = metrics.emplace_back(metric);
      own.path = kept("sublayers." + std::string(sublayer.name) + "." + path);
      own.group = "sublayers";
      own.label = kept(std::string(sublayer.label) + ": " + std::string(metric.label));
      own.meaning = kept("As " + path + ", of the " + sublayer.label + " sublayer alone: x is " +
                         sublayer.input + ", y that stream with what the sublayer adds.");
    }
  }
  return metrics;
}

}  // namespace linscan
