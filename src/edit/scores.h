// Blocks chosen by a score of theirs, without trying the edit.
#pragma once

#include <cstdint>
#include <vector>

#include "linscan/edit/edit_job.h"

namespace linscan {

// request.count of the `editable` blocks by request.criterion (any but kLoss), in the order in
// which they were chosen. `scores` gets those of all blocks as the unedited model has them, higher
// first to go; NaN where there is none, empty where the criterion has no scores.
std::vector<int64_t> choose_by_score(const Model& model,
                                     const EditWindows& windows,
                                     const EditRequest& request,
                                     const std::vector<int64_t>& editable,
                                     std::vector<double>& scores);

}  // namespace linscan
