// The tables of dynamics, the same for a terminal, Markdown and the page.
#pragma once

#include <string_view>

#include "report/dynamics.h"
#include "report/text_table.h"

namespace linscan {

// One row per run: size, sample, steps, losses where some run has them.
TextTable runs_table(const Dynamics& dynamics);

// One row per step of each run: means over the blocks, of the update also the extremes. Scores in
// sample carry kInSampleMark. No columns beside the step where no metric is there.
TextTable steps_table(const Dynamics& dynamics);

inline constexpr std::string_view kMeansRemark =
    "means over all blocks; min and max with the block's index. R² is held out";
inline constexpr std::string_view kStepInSampleRemark =
    "* in sample, because the results of the run have no held-out score";

}  // namespace linscan
