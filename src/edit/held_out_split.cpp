#include "edit/held_out_split.h"

#include "linscan/analyze/folds.h"

namespace linscan {
namespace {

constexpr int64_t kFolds = 10;  // one of them is held out

}  // namespace

EditData split_held_out(const TokenWindows& windows, int64_t sample_tokens, uint64_t seed) {
  const FoldPlan folds = assign_folds(windows, kFolds, seed);
  EditData data{&windows, {}};
  int64_t sampled = 0;
  for (size_t w = 0; w < windows.windows.size(); ++w) {
    Role role = Role::kFit;
    if (folds.folds == 1) {
      role = Role::kBoth;
    } else if (folds.fold_of_window[w] == 0) {
      role = sampled < sample_tokens ? Role::kMeasure : Role::kUnused;
      sampled += windows.windows[w].length;
    }
    data.roles.push_back(role);
  }
  return data;
}

}  // namespace linscan
