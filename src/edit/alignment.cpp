#include "linscan/edit/alignment.h"

#include <algorithm>

namespace linscan {
namespace {

// Blocks of the source that the edited model still has, in whatever form.
std::vector<int64_t> kept_blocks(const EditPlan& plan, int64_t blocks) {
  std::vector<int64_t> kept;
  for (int64_t block = 0; block < blocks; ++block) {
    const auto inside = [block](const Operation& operation) {
      return block >= operation.begin && block < operation.end;
    };
    const auto operation = std::ranges::find_if(plan.operations, inside);
    if (operation == plan.operations.end() || keeps_blocks(operation->method) ||
        (operation->method == Method::kLinear && block == operation->begin)) {
      kept.push_back(block);
    }
  }
  return kept;
}

bool linear_at(const EditPlan& plan, int64_t block) {
  return std::ranges::any_of(plan.operations, [block](const Operation& operation) {
    return operation.method == Method::kLinear && operation.begin == block;
  });
}

}  // namespace

Alignment align_blocks(const EditPlan& plan, int64_t blocks) {
  const std::vector<int64_t> kept = kept_blocks(plan, blocks);
  int64_t sweep_from = blocks;  // source blocks from here on were solved
  std::vector<int64_t> seams;
  for (const Operation& operation : plan.operations) {
    if (replaces_down_projection(operation.method)) {
      seams.push_back(operation.begin - 1);
      sweep_from = plan.sweep ? std::min(sweep_from, operation.begin) : sweep_from;
    }
  }
  Alignment alignment;
  for (size_t i = 0; i < kept.size(); ++i) {
    alignment.source_blocks.push_back(i + 1 < kept.size() ? kept[i + 1] : blocks);
    const bool seam = std::ranges::find(seams, kept[i]) != seams.end();
    if (seam || (kept[i] >= sweep_from && !linear_at(plan, kept[i]))) {
      alignment.projections.push_back(static_cast<int64_t>(i));
    }
  }
  return alignment;
}

}  // namespace linscan
