// What fine-tuning did to the figures of an analysis, over seeds.
#pragma once

#include <vector>

#include "linscan/base/json.h"

namespace linscan {

// Of the blocks of a "linscan.analysis/1" document: [{block, stream, update, stream_in_sample,
// update_in_sample, norm_ratio, effective_rank}]; scores are held out unless they say otherwise.
Json finetuning_figures(const Json& analysis);

// The mean over blocks of each figure; null where a block has none.
Json mean_over_blocks(const Json& blocks);

// a - b of every figure of two objects; null where one has none.
Json difference(const Json& a, const Json& b);

// {figure: {mean, sd}} over objects with the same figures; sd, with n - 1, is null for one object.
Json spread(const std::vector<Json>& objects);

// For every block {block, before, after: spread, change: spread}.
Json change_of_blocks(const Json& before, const std::vector<Json>& after);

}  // namespace linscan
