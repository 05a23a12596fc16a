// config.json of a model that was edited: the source's, with the fewest changes.
#pragma once

#include <cstdint>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/model/config.h"

namespace linscan {

// The config.json `source`, changed so that it says `wanted`: layer counts, lists with an entry for
// each block and, where a rule such as "every sixth block" no longer holds, an explicit list in its
// place. `blocks` has the source's block that each of wanted's was. Forms of blocks are not written
// here: `source` has the object that says them, or `wanted` has full blocks only.
//
// Nothing is taken on trust: the result is read again and compared. Throws Error(kUnsupported),
// naming the block and the key, for what the architecture's config.json cannot say.
Json edit_config(const Json& source,
                 const DecoderConfig& wanted,
                 const std::vector<int64_t>& blocks);

// The two ends of edit_config: lists and counts of the blocks that are left, and the proof.
Json keep_blocks(const Json& source, const std::vector<int64_t>& blocks);
void check_edited_config(const Json& config,
                         const DecoderConfig& wanted,
                         const std::vector<int64_t>& blocks);

}  // namespace linscan
