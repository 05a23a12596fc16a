// Which text an edit is fitted to, chosen by and judged on.
#pragma once

#include <cstdint>
#include <optional>

#include "linscan/base/json.h"
#include "linscan/edit/variants.h"
#include "linscan/text/windows.h"

namespace linscan {

// Calibration and evaluation windows behind one another. A search fits on four fifths of the
// calibration documents and measures on the rest; the final edit is fitted on all of them and
// measured on the evaluation windows, which nothing was fitted to or chosen by.
class EditWindows {
 public:
  // Without `evaluation`, a tenth of the calibration text (whole documents where there are enough)
  // is set aside for it.
  EditWindows(TokenWindows calibration, std::optional<TokenWindows> evaluation, uint64_t seed);

  const TokenWindows& windows() const { return windows_; }
  bool held_out() const {
    return held_out_;
  }  // the evaluation text is part of the calibration files

  // At most `most_fit_tokens` calibration tokens are fitted to; 0: all.
  EditData for_search(int64_t most_fit_tokens = 0) const;
  EditData for_edit() const;
  // The calibration windows alone, for scores of blocks.
  TokenWindows calibration() const;

  // "data" and "evaluation_data" of a result, without what only the command knows.
  Json describe(int64_t context, bool bundled) const;
  Json describe_evaluation() const;

 private:
  enum class Part : uint8_t { kFit, kChoose, kEvaluate };

  TokenWindows windows_;
  std::vector<Part> parts_;
  bool held_out_;
  std::vector<std::string> calibration_files_, evaluation_files_;
};

}  // namespace linscan
