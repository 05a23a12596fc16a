// The order of work: windows sorted by fold, cut into batches that each belong to one fold.
#pragma once

#include <cstdint>
#include <vector>

#include "linscan/analyze/folds.h"
#include "linscan/text/windows.h"

namespace linscan {

struct ScheduledBatch {
  int64_t fold;
  int64_t first_row;  // in storage order
  int64_t rows;
  std::vector<int64_t> windows;  // indices into TokenWindows::windows, in storage order
};

struct Schedule {
  std::vector<ScheduledBatch> batches;
  int64_t rows = 0;           // tokens in all
  int64_t largest_batch = 0;  // rows

  // Batches of at most `batch_rows` rows, but at least one window each.
  static Schedule make(const TokenWindows& windows, const FoldPlan& folds, int64_t batch_rows);
};

}  // namespace linscan
