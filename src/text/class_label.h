// A class as data sets spell it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "text/json_node.h"

namespace linscan {

// A class: one of `names` (its place counts), a whole number below their count, as digits too, or
// false and true for the first two.
int64_t read_label(const JsonNode& node, std::span<const std::string_view> names);

}  // namespace linscan
