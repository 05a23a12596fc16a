#include <fmt/format.h>

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
    {"mlp",
     "MLP",
     "the stream that the MLP reads: after attention, or beside it where both run in "
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
      MetricInfo& own = metrics.emplace_back(metric);
      own.path = kept(fmt::format("sublayers.{}.{}", sublayer.name, metric.path));
      own.group = "sublayers";
      own.label = kept(fmt::format("{}: {}", sublayer.label, metric.label));
      own.meaning =
          kept(fmt::format("As {}, of the {} sublayer alone: x is {}, y that stream with "
                           "what the sublayer adds.",
                           metric.path,
                           sublayer.label,
                           sublayer.input));
    }
  }
  return metrics;
}

}  // namespace linscan
