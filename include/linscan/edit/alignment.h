// How the blocks of a model that a plan made stand against those it was made of: what is compared
// and what is trained when it is healed.
#pragma once

#include <cstdint>
#include <vector>

#include "linscan/edit/plan.h"

namespace linscan {

struct Alignment {
  // For every block of the edited model, how many blocks of the source the stream after it is
  // behind: what the next block reads is to be what its own source block reads. After a block
  // before a removed span, that is the state at the end of the span.
  std::vector<int64_t> source_blocks;
  // Blocks of the edited model whose down projection the plan solved, ascending.
  std::vector<int64_t> projections;
};

// `plan` must be valid for a model of `blocks` blocks (validate_plan).
Alignment align_blocks(const EditPlan& plan, int64_t blocks);

}  // namespace linscan
