// Which windows are held out together, and in which order the engine stores them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "linscan/text/windows.h"

namespace linscan {

struct FoldPlan {
  int64_t folds = 1;
  std::string unit;  // "document", or "span of windows" where there are fewer documents than folds
  std::vector<int32_t> fold_of_window;  // in the order of TokenWindows::windows
  std::vector<int64_t> tokens_of_fold;
};

// Documents are dealt out in seeded random order, each to the fold with the fewest tokens so far.
// With fewer documents than folds, consecutive spans of windows are: neighbouring text then crosses
// a fold border only once per fold. folds >= 1; fewer where there are not that many windows.
FoldPlan assign_folds(const TokenWindows& windows, int64_t folds, uint64_t seed);

}  // namespace linscan
