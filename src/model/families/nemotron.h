// Sizes of MLPs in Nemotron-NAS, which config.json names by a multiplier.
#pragma once

#include <cstdint>

namespace linscan {

inline constexpr int64_t kNemotronMlpStep = 256;

// The MLP size that readers of `ffn_mult` compute: two thirds of multiplier times hidden size,
// rounded up to a multiple of 256.
int64_t nemotron_mlp_size(double multiplier, int64_t hidden);
// A multiplier that gives `mlp`, a multiple of 256.
double nemotron_multiplier(int64_t mlp, int64_t hidden);

}  // namespace linscan
