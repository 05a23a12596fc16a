// Which text an edit is fitted to, chosen by and judged on.
#pragma once

#include <cstdint>
#include <optional>

#include "linscan/base/json.h"
#include "linscan/edit/variants.h"
#include "linscan/text/windows.h"

namespace linscan {

// Calibration and evaluation windows behind one another. The calibration documents fall into five
// parts: a search fits on four of them and measures on the first, what is close is compared on
// each of them, and the final edit is fitted to all. It is measured on the evaluation windows,
// which nothing was fitted to or chosen by.
class EditWindows {
 public:
  // Without `evaluation`, a tenth of the calibration text (whole documents where there are enough)
  // is set aside for it.
  EditWindows(TokenWindows calibration, std::optional<TokenWindows> evaluation, uint64_t seed);

  const TokenWindows& windows() const { return windows_; }
  bool held_out() const {
    return held_out_;
  }  // the evaluation text is part of the calibration files

  // Parts of the calibration text; 1 where it is one window, which then has to do for both.
  int64_t folds() const { return folds_; }
  // Measures on one part and fits on the others: on at most `most_fit_tokens`, or 0: all.
  EditData for_fold(int64_t fold, int64_t most_fit_tokens = 0) const;
  EditData for_search(int64_t most_fit_tokens = 0) const { return for_fold(0, most_fit_tokens); }
  EditData for_edit() const;
  // The calibration windows alone, for scores of blocks.
  TokenWindows calibration() const;

  // "data" and "evaluation_data" of a result, without what only the command knows.
  Json describe(int64_t context, bool bundled) const;
  Json describe_evaluation() const;

 private:
  TokenWindows windows_;
  std::vector<int32_t> fold_of_window_;  // -1: evaluation
  int64_t folds_ = 1;
  bool held_out_;
  std::vector<std::string> calibration_files_, evaluation_files_;
};

}  // namespace linscan
