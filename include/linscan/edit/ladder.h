// The pruning ladder (the paper's figures 6 to 8): 0 .. K blocks edited, by every method and every
// criterion, with perplexity and benchmarks after each step.
#pragma once

#include <cstdint>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/edit/edit_job.h"
#include "linscan/eval/task_set.h"

namespace linscan {

struct LadderRequest {
  std::vector<Recipe> recipes;
  std::vector<Criterion> criteria;
  int64_t deepest = 1;  // K
  EditRequest search;   // how sets are found; its recipes, blocks, count and criterion are not used
  const TaskSet* tasks = nullptr;  // benchmarks after each step, in the model's own tokens
};

// "dense", "rungs" and "left_out" of a result ("linscan.ladder/1"). A step that
// a recipe cannot do is left out, with the reason.
Json climb_ladder(const Model& model, const EditWindows& windows, const LadderRequest& request);

}  // namespace linscan
