// The tables of a comparison, the same for a terminal, Markdown and the page.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "report/comparison.h"
#include "report/text_table.h"

namespace linscan {

inline constexpr std::string_view kInSampleMark = "*";

// One row per model: size, sample, protocol.
TextTable models_table(const Comparison& comparison);

// One row per model; mean, minimum and maximum over the blocks of each of these metrics, those that
// no model has left out. In-sample scores that stand in for held-out ones carry kInSampleMark.
TextTable summary_table(const Comparison& comparison, std::span<const ComparedMetric> metrics);

// True where summary_table() would mark something.
bool has_stand_ins(const Comparison& comparison);

}  // namespace linscan
