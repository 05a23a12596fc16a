// model.safetensors.index.json: which shard holds which tensor.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace linscan {

struct CheckpointIndex {
  std::vector<std::pair<std::string, std::string>> weight_map;  // (tensor, shard), sorted by tensor
  std::vector<std::string> shards;                              // sorted, each once
};

// Reads an index. Shards are plain file names; keys beside "weight_map" are not looked at (the
// sizes in "metadata" are often wrong). Throws Error(kInput).
CheckpointIndex read_checkpoint_index(const std::filesystem::path& path);

}  // namespace linscan
