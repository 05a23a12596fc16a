// How the error of a fitted map is spread over tokens (arXiv 2405.12250, figure 9): a map that does
// well on average may fail on the few tokens for which a block is there.
#pragma once

#include <cstdint>
#include <vector>

#include "linscan/base/json.h"

namespace linscan {

// One value for each measured token: the norm of what the edited state misses the target by, ...
struct TokenErrors {
  std::vector<float> of_target;   // ... over the norm of the target
  std::vector<float> of_missing;  // ... over the norm of what was missing without the map
};

// Errors are counted between these: 10 for each power of ten from 0.001 to 10, ascending.
std::vector<double> token_error_edges();

// How many errors lie below the first edge, between neighbours (the lower one included), and from
// the last edge on: one more than there are edges. The errors are not NaN.
std::vector<int64_t> count_token_errors(const std::vector<float>& errors);

// "p5", "p25", "p50", "p75", "p95", "p99": the error that this many percent of the tokens do not
// exceed; null without tokens.
Json token_error_percentiles(std::vector<float> errors);

}  // namespace linscan
