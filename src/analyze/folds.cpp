#include "linscan/analyze/folds.h"

#include <algorithm>
#include <numeric>

#include "linscan/base/random.h"

namespace linscan {
namespace {

// Consecutive windows that must stay in one fold: [first, last).
struct Unit {
  size_t first;
  size_t last;
  int64_t tokens;
};

std::vector<Unit> document_units(const std::vector<Window>& windows) {
  std::vector<Unit> units;
  for (size_t w = 0; w < windows.size(); ++w) {
    if (w == 0 || windows[w].document != windows[w - 1].document) {
      units.push_back({w, w, 0});
    }
    units.back().last = w + 1;
    units.back().tokens += windows[w].length;
  }
  return units;
}

// `count` spans of about equal token counts.
std::vector<Unit> span_units(const std::vector<Window>& windows, int64_t count) {
  int64_t total = 0;
  for (const Window& window : windows) {
    total += window.length;
  }
  std::vector<Unit> units;
  int64_t seen = 0;
  for (size_t w = 0; w < windows.size(); ++w) {
    const int64_t remaining_windows = static_cast<int64_t>(windows.size() - w);
    const int64_t remaining_units = count - static_cast<int64_t>(units.size());
    const bool boundary = seen * count >= total * static_cast<int64_t>(units.size());
    if (units.empty() ||
        (remaining_units > 0 && (boundary || remaining_windows <= remaining_units))) {
      units.push_back({w, w, 0});
    }
    units.back().last = w + 1;
    units.back().tokens += windows[w].length;
    seen += windows[w].length;
  }
  return units;
}

}  // namespace

FoldPlan assign_folds(const TokenWindows& windows, int64_t folds, uint64_t seed) {
  FoldPlan plan;
  plan.folds = std::clamp<int64_t>(folds, 1, static_cast<int64_t>(windows.windows.size()));
  std::vector<Unit> units = document_units(windows.windows);
  plan.unit = "document";
  if (static_cast<int64_t>(units.size()) < plan.folds) {
    units = span_units(windows.windows, plan.folds);
    plan.unit = "span of windows";
  } else {
    Random(seed).shuffle(units);
  }
  plan.fold_of_window.resize(windows.windows.size());
  plan.tokens_of_fold.resize(static_cast<size_t>(plan.folds));
  for (const Unit& unit : units) {
    const auto lightest = std::min_element(plan.tokens_of_fold.begin(), plan.tokens_of_fold.end());
    *lightest += unit.tokens;
    const auto fold = static_cast<int32_t>(lightest - plan.tokens_of_fold.begin());
    std::fill(plan.fold_of_window.begin() + static_cast<int64_t>(unit.first),
              plan.fold_of_window.begin() + static_cast<int64_t>(unit.last),
              fold);
  }
  return plan;
}

}  // namespace linscan
