// The closed-form fits of a plan, each on one stream: a down projection, a linear block, a linear
// map in place of attention.
#pragma once

#include "edit/pass.h"
#include "linscan/edit/plan.h"

namespace linscan {

// The block that carries a fit's result, with what is new of its weights: in the layout of their
// slots, on the host, rounded to the dtype they will be stored in.
struct FittedBlock {
  PlacedBlock block;
  std::vector<std::pair<Slot, at::Tensor>> weights;
  at::Tensor mean_missing;  // (C) fp64 of the fitted rows; undefined without bias
  FitRecord record;
};

// What the map of a span reads that begins at `entry`, the stream before `carrier`. Spans that read
// the same share it (EditPass::input).
std::shared_ptr<RegressionInput> span_input(
    EditPass& pass, const EditPlan& plan, Method method, int64_t carrier, const Stream& entry);

// An input of its own for the down projection of `block`.
std::shared_ptr<RegressionInput> projection_input(const EditPass& pass,
                                                  Method method,
                                                  int64_t block);

// The down projection of `block` so that the stream `entry`, which stands before the block, arrives
// at `target` after it: solved anew from its own input (refit), or followed by a map of its output
// (fold).
FittedBlock fit_projection(EditPass& pass,
                           const EditPlan& plan,
                           Method method,
                           int64_t block,
                           const PlacedBlock& now,
                           const std::shared_ptr<RegressionInput>& input,
                           const Stream& entry,
                           const Stream& target);

// A linear block that takes `entry` to `target`. first  the block whose place it takes; its weights
// are needed for the norm of `plan.normed_maps` only.
FittedBlock fit_linear_block(EditPass& pass,
                             const EditPlan& plan,
                             int64_t first,
                             const BlockWeights& first_weights,
                             const std::shared_ptr<RegressionInput>& input,
                             const Stream& entry,
                             const Stream& target);

// A linear map in place of the attention of `block`. Target kDense: towards the unedited model's
// stream after its attention, `dense` being that model's stream before the block; kOwn: towards
// what attention does on `entry`.
FittedBlock fit_linear_attention(EditPass& pass,
                                 const EditPlan& plan,
                                 int64_t block,
                                 const PlacedBlock& now,
                                 const Stream& entry,
                                 const Stream& dense);

}  // namespace linscan
