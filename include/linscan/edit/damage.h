// What a block is worth: the model without it, and with its best linear map in its place.
#pragma once

#include <cstdint>

#include "linscan/base/json.h"
#include "linscan/edit/variants.h"
#include "linscan/model/model.h"
#include "linscan/text/windows.h"

namespace linscan {

struct DamageOptions {
  int64_t sample_tokens = 4096;  // held out, that predictions are compared on
  uint64_t seed = 0;
  VariantOptions variants;
};

// Adds "damage" to every block of `result`, a document of analyze() for the same model and windows,
// and to the document itself. One pass over the text: a tenth of it (whole documents where there
// are enough) is held out; the maps are fitted to the rest; the edited streams of the held-out
// sample run on through the blocks that follow, beside the unedited one. "remove": the block is
// left out; "linear": an affine map of the stream stands in its place. ce: change of the
// cross-entropy in nats per token; kl: mean KL(unedited || edited); top1: share of positions with
// the same most likely token.
void add_damage(const Model& model,
                const TokenWindows& windows,
                const DamageOptions& options,
                Json& result);

// plan_variants of that.
Json plan_damage(const Model& model, const TokenWindows& windows, const DamageOptions& options);

}  // namespace linscan
