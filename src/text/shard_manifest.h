// shards.json: what packed shards hold and what they were made from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/text/shards.h"

namespace linscan {

constexpr const char* kShardManifest = "shards.json";
constexpr const char* kDocumentIndex = "documents.bin";

struct ShardEntry {
  int64_t tokens = 0;
  int64_t documents = 0;  // that begin in it
  std::string sha256;
};

struct ShardManifest {
  std::shared_ptr<const Json> request;  // see describe_request
  int64_t id_bytes = 0;                 // 2 or 4
  int64_t tokens = 0;
  int64_t documents = 0;
  int64_t highest_id = 0;
  int64_t invalid_utf8 = 0;
  std::string documents_sha256;
  std::vector<ShardEntry> shards;
};

// "shard-00017.bin"
std::string shard_name(size_t index);

// What the shards of a request depend on. Reads the inputs for their digests.
Json describe_request(const ShardRequest& request);

// The members in which the shards' request differs from the wanted one, with both values; empty
// when they are the same. Names of inputs do not count.
std::string request_differences(const Json& present, const Json& wanted);

std::string format_manifest(const ShardManifest& manifest);
// Throws Error(kInput) naming `file` and the member that cannot be right.
ShardManifest parse_manifest(std::string_view text, const std::string& file);

}  // namespace linscan
