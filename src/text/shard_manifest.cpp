#include "text/shard_manifest.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "linscan/base/digest.h"
#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/base/progress.h"
#include "linscan/text/tokenizer.h"
#include "text/json_node.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSchema = "linscan.shards/1";
constexpr int64_t kMaxCount = int64_t{1} << 53;

int64_t read_count(const JsonNode& node, int64_t lowest, int64_t highest) {
  const Json& value = node.value();
  const bool fits = value.is_number_unsigned() &&
                    value.get<uint64_t>() <= static_cast<uint64_t>(highest) &&
                    value.get<uint64_t>() >= static_cast<uint64_t>(lowest);
  LINSCAN_CHECK(fits,
                kInput,
                "{}: expected a whole number from {} to {}, got {}",
                node.where(),
                lowest,
                highest,
                value.is_structured() ? value.type_name() : value.dump());
  return static_cast<int64_t>(value.get<uint64_t>());
}

std::string read_digest(const JsonNode& node) {
  std::string digest = node.as_string();
  LINSCAN_CHECK(
      digest.size() == 64 && digest.find_first_not_of("0123456789abcdef") == std::string::npos,
      kInput,
      "{}: expected 64 hexadecimal digits, got \"{}\"",
      node.where(),
      digest);
  return digest;
}

Json describe_inputs(const std::vector<fs::path>& files) {
  Json inputs = Json::array();
  Progress progress("reading inputs", "files", static_cast<int64_t>(files.size()));
  for (const fs::path& file : files) {
    inputs.push_back({{"name", file.filename().string()}, {"sha256", sha256_of_file(file)}});
    progress.update(static_cast<int64_t>(inputs.size()));
  }
  progress.finish();
  return inputs;
}

Json id_or_null(const std::optional<int32_t>& id) {
  return id ? Json(*id) : Json(nullptr);
}

std::string differing_input(const Json& present, const Json& wanted) {
  if (present.size() != wanted.size()) {
    return fmt::format("inputs (there: {}, wanted: {})", present.size(), wanted.size());
  }
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (present[i].value("sha256", "") != wanted[i].value("sha256", "")) {
      return fmt::format("inputs (the content of {} is another)",
                         wanted[i].value("name", std::string()));
    }
  }
  return "";
}

// A file name that is no path of an output, and ids that fit the type.
ShardEntry parse_entry(const JsonNode& node, size_t index) {
  const JsonNode file = node.at("file");
  LINSCAN_CHECK(file.as_string() == shard_name(index),
                kInput,
                "{}: expected \"{}\", got \"{}\"",
                file.where(),
                shard_name(index),
                file.as_string());
  return {read_count(node.at("tokens"), 1, kMaxCount),
          read_count(node.at("documents"), 0, kMaxCount),
          read_digest(node.at("sha256"))};
}

void check_sums(const ShardManifest& manifest, const JsonNode& root) {
  int64_t tokens = 0;
  int64_t documents = 0;
  for (const ShardEntry& shard : manifest.shards) {
    // One at a time, so that a hostile manifest cannot overflow them.
    tokens = std::min(tokens + shard.tokens, kMaxCount);
    documents = std::min(documents + shard.documents, kMaxCount);
  }
  LINSCAN_CHECK(tokens == manifest.tokens && documents == manifest.documents,
                kInput,
                "{}: the shards hold {} tokens in {} documents, but {} in {} are claimed",
                root.where(),
                tokens,
                documents,
                manifest.tokens,
                manifest.documents);
}

}  // namespace

std::string shard_name(size_t index) {
  return fmt::format("shard-{:05}.bin", index);
}

Json describe_request(const ShardRequest& request) {
  Json tokenizer = nullptr;
  if (request.tokenizer != nullptr) {
    tokenizer = {{"sha256", tokenizer_digest(*request.tokenizer)},
                 {"vocabulary_size", request.tokenizer->vocabulary_size()}};
  }
  return {{"inputs", describe_inputs(request.inputs)},
          {"tokenizer", std::move(tokenizer)},
          {"text_field", request.text_field},
          {"document_separator", request.document_separator},
          {"bos", id_or_null(request.bos)},
          {"eos", id_or_null(request.eos)},
          {"shard_tokens", request.shard_tokens}};
}

std::string request_differences(const Json& present, const Json& wanted) {
  std::string differences;
  for (const auto& [key, value] : wanted.items()) {
    std::string difference;
    const auto found = present.find(key);
    if (found == present.end()) {
      difference = fmt::format("{} (there: missing)", key);
    } else if (key == "inputs") {
      difference = differing_input(*found, value);
    } else if (*found != value) {
      difference = fmt::format("{} (there: {}, wanted: {})", key, found->dump(), value.dump());
    }
    if (difference.empty()) continue;
    differences.append(differences.empty() ? "" : ", ").append(difference);
  }
  return differences;
}

std::string format_manifest(const ShardManifest& manifest) {
  Json shards = Json::array();
  for (const ShardEntry& shard : manifest.shards) {
    shards.push_back({{"file", shard_name(shards.size())},
                      {"tokens", shard.tokens},
                      {"documents", shard.documents},
                      {"sha256", shard.sha256}});
  }
  const Json root = {
      {"schema", kSchema},
      {"request", *manifest.request},
      {"dtype", manifest.id_bytes == 2 ? "u16" : "u32"},
      {"tokens", manifest.tokens},
      {"documents", manifest.documents},
      {"highest_id", manifest.highest_id},
      {"invalid_utf8", manifest.invalid_utf8},
      {"document_index", {{"file", kDocumentIndex}, {"sha256", manifest.documents_sha256}}},
      {"shards", std::move(shards)}};
  return root.dump(2) + "\n";
}

ShardManifest parse_manifest(std::string_view text, const std::string& file) {
  const Json json = parse_json(text, file);
  const JsonNode root(json, file);
  LINSCAN_CHECK(root.at("schema").as_string() == kSchema,
                kInput,
                "{}: expected schema \"{}\", got \"{}\"",
                file,
                kSchema,
                root.at("schema").as_string());
  ShardManifest manifest;
  const JsonNode request = root.at("request");
  for (const JsonNode& input : request.at("inputs").elements()) read_digest(input.at("sha256"));
  manifest.request = std::make_shared<const Json>(request.value());
  if (const auto tokenizer = request.find("tokenizer")) read_digest(tokenizer->at("sha256"));
  const std::string dtype = root.at("dtype").as_string();
  LINSCAN_CHECK(dtype == "u16" || dtype == "u32",
                kInput,
                "{}: $.dtype: expected u16 or u32, got \"{}\"",
                file,
                dtype);
  manifest.id_bytes = dtype == "u16" ? 2 : 4;
  manifest.tokens = read_count(root.at("tokens"), 1, kMaxCount);
  manifest.documents = read_count(root.at("documents"), 1, manifest.tokens);
  manifest.highest_id =
      read_count(root.at("highest_id"), 0, dtype == "u16" ? UINT16_MAX : INT32_MAX);
  manifest.invalid_utf8 = read_count(root.at("invalid_utf8"), 0, kMaxCount);
  manifest.documents_sha256 = read_digest(root.at("document_index").at("sha256"));
  for (const JsonNode& node : root.at("shards").elements()) {
    manifest.shards.push_back(parse_entry(node, manifest.shards.size()));
  }
  check_sums(manifest, root);
  return manifest;
}

}  // namespace linscan
