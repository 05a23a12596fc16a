// Learning rate schedules.
#pragma once

#include <cstdint>
#include <string_view>

namespace linscan {

enum class ScheduleKind {
  kConstant,  // after the warm-up
  kCosine,    // half a cosine down to `final_share` of the peak at the last step
  kWsd,       // warm-up, stable, then linear decay over the last `decay_share` of the steps
};

ScheduleKind parse_schedule(std::string_view text);  // "constant", "cosine", "wsd"; Error(kUsage)
std::string_view name(ScheduleKind kind);

struct LearningRate {
  ScheduleKind kind = ScheduleKind::kCosine;
  double peak = 1e-3;
  int64_t warmup = 0;  // steps with a rate that grows linearly to the peak
  int64_t steps = 0;   // of the whole training
  double final_share = 0.1;
  double decay_share = 0.2;  // kWsd only

  // The rate of step 0 .. steps - 1.
  double at(int64_t step) const;

  bool operator==(const LearningRate&) const = default;
};

}  // namespace linscan
