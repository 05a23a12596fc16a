#include "linscan/train/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "linscan/base/error.h"

namespace linscan {

ScheduleKind parse_schedule(std::string_view text) {
  for (const ScheduleKind kind :
       {ScheduleKind::kConstant, ScheduleKind::kCosine, ScheduleKind::kWsd}) {
    if (text == name(kind)) {
      return kind;
    }
  }
  fail(ErrorKind::kUsage, "schedule '{}': expected constant, cosine or wsd", text);
}

std::string_view name(ScheduleKind kind) {
  switch (kind) {
    case ScheduleKind::kConstant:
      return "constant";
    case ScheduleKind::kCosine:
      return "cosine";
    case ScheduleKind::kWsd:
      return "wsd";
  }
  return "";
}

double LearningRate::at(int64_t step) const {
  if (step < warmup) {
    return peak * static_cast<double>(step + 1) / static_cast<double>(warmup);
  }
  // 0 .. 1 from the end of the warm-up to the last step.
  const auto span = static_cast<double>(std::max<int64_t>(1, steps - warmup));
  const double done = std::min(1.0, static_cast<double>(step - warmup) / span);
  double share = 1.0;
  if (kind == ScheduleKind::kCosine) {
    share = 0.5 * (1 + std::cos(std::numbers::pi * done));
  } else if (kind == ScheduleKind::kWsd && decay_share > 0) {
    share = std::min(1.0, (1 - done) / decay_share);
  }
  return peak * (final_share + (1 - final_share) * share);
}

}  // namespace linscan
