#include "linscan/edit/edit_data.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "linscan/analyze/folds.h"
#include "linscan/base/error.h"

namespace linscan {
namespace {

constexpr int64_t kCalibrationFolds = 5;
constexpr int64_t kEvaluateFolds = 10;  // one of them is set aside
constexpr int32_t kEvaluate = -1;       // instead of a fold

// The windows for which `keep` holds, as windows of their own.
template <typename Keep>
TokenWindows subset(const TokenWindows& all, Keep keep) {
  TokenWindows part;
  part.files = all.files;
  part.sha256 = all.sha256;
  for (size_t w = 0; w < all.windows.size(); ++w) {
    if (!keep(w)) {
      continue;
    }
    Window window = all.windows[w];
    const auto from = all.ids.begin() + window.offset;
    window.offset = static_cast<int64_t>(part.ids.size());
    part.ids.insert(part.ids.end(), from, from + window.length);
    part.documents += part.windows.empty() || part.windows.back().document != window.document;
    part.windows.push_back(window);
  }
  return part;
}

void append(TokenWindows& all, const TokenWindows& more) {
  const auto offset = static_cast<int64_t>(all.ids.size());
  const auto documents = static_cast<int32_t>(all.documents);
  all.ids.insert(all.ids.end(), more.ids.begin(), more.ids.end());
  for (Window window : more.windows) {
    window.offset += offset;
    window.document += documents;
    all.windows.push_back(window);
  }
  all.documents += more.documents;
  all.invalid_utf8 += more.invalid_utf8;
}

}  // namespace

EditWindows::EditWindows(TokenWindows calibration,
                         std::optional<TokenWindows> evaluation,
                         uint64_t seed)
    : windows_(std::move(calibration)), held_out_(!evaluation) {
  calibration_files_ = windows_.files;
  evaluation_files_ = evaluation ? evaluation->files : windows_.files;
  fold_of_window_.assign(windows_.windows.size(), 0);
  if (held_out_) {
    const FoldPlan folds = assign_folds(windows_, kEvaluateFolds, seed);
    LINSCAN_CHECK(folds.folds > 1,
                  kInput,
                  "{}: one window of text leaves nothing to judge the edit on; give more text or "
                  "--eval-data",
                  windows_.files.front());
    for (size_t w = 0; w < fold_of_window_.size(); ++w) {
      fold_of_window_[w] = folds.fold_of_window[w] == 0 ? kEvaluate : 0;
    }
  }
  // The calibration parts are drawn among the windows that are left.
  const FoldPlan folds = assign_folds(this->calibration(), kCalibrationFolds, seed + 1);
  folds_ = folds.folds;
  size_t at = 0;
  for (int32_t& fold : fold_of_window_) {
    fold = fold == kEvaluate ? kEvaluate : folds.fold_of_window[at++];
  }
  if (evaluation) {
    append(windows_, *evaluation);
    fold_of_window_.resize(windows_.windows.size(), kEvaluate);
  }
}

EditData EditWindows::for_fold(int64_t fold, int64_t most_fit_tokens) const {
  EditData data{&windows_, {}};
  int64_t fit = 0;
  for (size_t w = 0; w < fold_of_window_.size(); ++w) {
    Role role = Role::kUnused;
    if (fold_of_window_[w] == fold) {
      role = folds_ == 1 ? Role::kBoth : Role::kMeasure;
    } else if (fold_of_window_[w] != kEvaluate && (most_fit_tokens == 0 || fit < most_fit_tokens)) {
      role = Role::kFit;
      fit += windows_.windows[w].length;
    }
    data.roles.push_back(role);
  }
  return data;
}

EditData EditWindows::for_edit() const {
  EditData data{&windows_, {}};
  for (const int32_t fold : fold_of_window_) {
    data.roles.push_back(fold == kEvaluate ? Role::kMeasure : Role::kFit);
  }
  return data;
}

TokenWindows EditWindows::calibration() const {
  return subset(windows_, [&](size_t w) { return fold_of_window_[w] != kEvaluate; });
}

Json EditWindows::describe(int64_t context, bool bundled) const {
  const EditData data = for_edit();
  return {{"files", calibration_files_},
          {"tokens", data.fit_tokens() + (held_out_ ? data.measured_tokens() : 0)},
          {"ctx", context},
          {"sha256", windows_.sha256},
          {"bundled", bundled},
          {"fit_tokens", data.fit_tokens()},
          {"invalid_utf8", windows_.invalid_utf8}};
}

Json EditWindows::describe_evaluation() const {
  return {{"files", evaluation_files_},
          {"tokens", for_edit().measured_tokens()},
          {"held_out", held_out_}};
}

}  // namespace linscan
