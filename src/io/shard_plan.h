// Which tensor goes into which weight file of a checkpoint folder.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "linscan/io/safetensors.h"

namespace linscan {

struct PlannedShard {
  std::string file;                  // "model.safetensors", "model-00001-of-00003.safetensors"
  std::vector<TensorEntry> entries;  // in the order given
  int64_t bytes = 0;                 // of the data
};

// Deals `entries` out in their order, as save_pretrained does (huggingface_hub,
// split_state_dict_into_shards_factory): a shard is closed when the next tensor would not fit, and
// a tensor larger than `max_bytes` gets a shard of its own, numbered before the one being filled.
// One shard, also of no tensors, is called model.safetensors. Throws Error(kInternal) for unusable
// names and impossible shapes; `what` names the output in errors.
std::vector<PlannedShard> plan_shards(std::vector<TensorEntry> entries,
                                      int64_t max_bytes,
                                      std::string_view what);

}  // namespace linscan
