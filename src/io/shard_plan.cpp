#include "io/shard_plan.h"

#include <fmt/format.h>

#include <utility>

#include "io/safetensors_header.h"

namespace linscan {
namespace {

void name_files(std::vector<PlannedShard>& shards) {
  if (shards.size() == 1) {
    shards[0].file = "model.safetensors";
    return;
  }
  for (size_t i = 0; i < shards.size(); ++i) {
    shards[i].file = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
  }
}

}  // namespace

std::vector<PlannedShard> plan_shards(std::vector<TensorEntry> entries,
                                      int64_t max_bytes,
                                      std::string_view what) {
  std::vector<PlannedShard> shards;
  PlannedShard current;
  for (TensorEntry& entry : entries) {
    const int64_t bytes = require_writable_entry(entry, what);
    if (bytes > max_bytes) {
      shards.emplace_back().bytes = bytes;
      shards.back().entries.push_back(std::move(entry));
      continue;
    }
    if (current.bytes > max_bytes - bytes) {
      shards.push_back(std::exchange(current, {}));
    }
    current.bytes += bytes;
    current.entries.push_back(std::move(entry));
  }
  if (!current.entries.empty() || shards.empty()) {
    shards.push_back(std::move(current));
  }
  name_files(shards);
  return shards;
}

}  // namespace linscan
