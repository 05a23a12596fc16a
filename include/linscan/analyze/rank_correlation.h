// Does a score say which blocks can go? Rank correlations of the scores of the blocks with the
// damage that editing them did.
#pragma once

#include <optional>
#include <span>

#include "linscan/base/json.h"

namespace linscan {

// Spearman's rho: Pearson's correlation of the ranks, equal values sharing the mean of theirs.
// Nothing for fewer than 3 pairs or where one side is constant. Equal lengths.
std::optional<double> rank_correlation(std::span<const double> a, std::span<const double> b);

// Adds "damage"."rank_correlation" to a result document whose blocks have "damage": for "remove"
// and "linear" an object of rho by metric path, over the blocks that have both numbers. Scores that
// no block has are left out; a rho that does not exist is null, with the reason under "damage"
// "missing" by path ("rank_correlation.remove.norm.ratio").
//
// The sign: R^2 enters as 1 - R^2, so that for every score a positive rho means that the blocks it
// calls the hardest to do without are those whose edit moves the predictions (KL) the most.
void add_rank_correlations(Json& result);

}  // namespace linscan
