#include "linscan/analyze/schedule.h"

#include <algorithm>
#include <numeric>

namespace linscan {

Schedule Schedule::make(const TokenWindows& windows, const FoldPlan& folds, int64_t batch_rows) {
  std::vector<int64_t> order(windows.windows.size());
  std::iota(order.begin(), order.end(), 0);
  const auto fold_of = [&](int64_t window) {
    return folds.fold_of_window[static_cast<size_t>(window)];
  };
  std::stable_sort(
      order.begin(), order.end(), [&](int64_t a, int64_t b) { return fold_of(a) < fold_of(b); });

  Schedule schedule;
  for (const int64_t window : order) {
    const int64_t length = windows.windows[static_cast<size_t>(window)].length;
    const bool fits = !schedule.batches.empty() &&
                      schedule.batches.back().fold == fold_of(window) &&
                      schedule.batches.back().rows + length <= batch_rows;
    if (!fits) {
      schedule.batches.push_back({fold_of(window), schedule.rows, 0, {}});
    }
    ScheduledBatch& batch = schedule.batches.back();
    batch.windows.push_back(window);
    batch.rows += length;
    schedule.rows += length;
    schedule.largest_batch = std::max(schedule.largest_batch, batch.rows);
  }
  return schedule;
}

}  // namespace linscan
