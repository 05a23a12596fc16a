// The text of an analysis, split into what maps are fitted to and what they are judged on.
#pragma once

#include <cstdint>

#include "linscan/edit/variants.h"
#include "linscan/text/windows.h"

namespace linscan {

// Windows of one of ten folds (whole documents where there are enough) are measured, up to
// `sample_tokens` and the first one in any case; the other folds are fitted to. Text that cannot be
// split is used for both.
EditData split_held_out(const TokenWindows& windows, int64_t sample_tokens, uint64_t seed);

}  // namespace linscan
