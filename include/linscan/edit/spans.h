// What linear maps make of spans of several blocks: every start, every length, one pass.
#pragma once

#include <cstdint>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/edit/plan.h"
#include "linscan/edit/variants.h"
#include "linscan/model/model.h"
#include "linscan/text/windows.h"

namespace linscan {

// A plan for each span of 1 .. longest blocks that the method of `how` can stand for, by first
// block, then by length. `how` has no operations of its own.
std::vector<EditPlan> span_plans(const DecoderConfig& config,
                                 Method method,
                                 int64_t longest,
                                 const EditPlan& how = {});

struct SpanOptions {
  int64_t longest = 8;  // blocks
  bool damage = false;  // every span is replaced by its map once, and the model runs on from there
  int64_t sample_tokens = 4096;  // held out: scores and predictions are compared on them
  uint64_t seed = 0;
  VariantOptions variants;
};

// Adds "spans" to `result`, a document of analyze() for the same model and windows: the affine maps
// h_i -> h_j of all spans i:j, how much of the update h_j - h_i they explain, in sample and on held
// out text, and with `damage` what they cost in the running model. The split of the text is that of
// add_damage.
void add_spans(const Model& model,
               const TokenWindows& windows,
               const SpanOptions& options,
               Json& result);

// plan_variants of that.
Json plan_spans(const Model& model, const TokenWindows& windows, const SpanOptions& options);

}  // namespace linscan
