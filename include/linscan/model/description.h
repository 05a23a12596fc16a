// A checkpoint in words, as result files have it.
#pragma once

#include <string>

#include "linscan/base/json.h"
#include "linscan/model/model.h"

namespace linscan {

// The member "model" of a result but for its "weights_sha256", which takes a pass over the weights.
Json describe_model(const Model& model);

// Whether its matrices are stored in 16 bits: what choose_compute_dtype asks.
bool stored_in_16_bits(const Model& model);

}  // namespace linscan
