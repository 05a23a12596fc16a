#include "text/tokenizer_config.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "linscan/base/error.h"
#include "text/vocabulary.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNamedTokens[] = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

// "<s>" or {"content": "<s>", ..}.
std::string token_text(const JsonNode& node) {
  return node.value().is_object() ? node.at("content").as_string() : node.as_string();
}

AddedToken read_flags(const JsonNode& node) {
  AddedToken token;
  token.single_word = node.bool_or("single_word", false);
  token.lstrip = node.bool_or("lstrip", false);
  token.rstrip = node.bool_or("rstrip", false);
  token.normalized = node.bool_or("normalized", false);
  return token;
}

// The tokens that bos_token, additional_special_tokens and the like name.
std::vector<JsonNode> named_tokens(const TokenizerConfig& config) {
  std::vector<JsonNode> tokens;
  for (const OptionalFile* file : {&config.special_map, &config.tokenizer}) {
    for (const char* key : kNamedTokens) {
      if (const auto node = file->find(key)) tokens.push_back(*node);
    }
    for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
      const auto node = file->find(key);
      if (!node) continue;
      if (node->value().is_object()) {  // {"image_token": "<image>"}
        for (const auto& [name, token] : node->members()) tokens.push_back(token);
      } else {
        for (const JsonNode& token : node->elements()) tokens.push_back(token);
      }
    }
  }
  return tokens;
}

}  // namespace

OptionalFile::OptionalFile(const fs::path& folder, const char* name)
    : name_((folder / name).string()) {
  if (fs::exists(name_)) content_ = std::make_unique<Json>(read_json_file(name_));
}
OptionalFile::~OptionalFile() = default;

std::optional<JsonNode> OptionalFile::root() const {
  return content_ ? std::optional<JsonNode>(JsonNode(*content_, name_)) : std::nullopt;
}

std::optional<JsonNode> OptionalFile::find(std::string_view key) const {
  return content_ ? JsonNode(*content_, name_).find(key) : std::nullopt;
}

bool OptionalFile::bool_or(std::string_view key, bool fallback) const {
  const auto node = find(key);
  return node ? node->as_bool() : fallback;
}

TokenizerConfig::TokenizerConfig(const fs::path& folder)
    : added(folder, "added_tokens.json"),
      special_map(folder, "special_tokens_map.json"),
      tokenizer(folder, "tokenizer_config.json"),
      model(folder, "config.json") {}

std::optional<std::string> TokenizerConfig::tokenizer_class() const {
  const auto node = tokenizer.find("tokenizer_class");
  if (!node) return std::nullopt;
  std::string name = node->as_string();
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  return name;
}

std::optional<std::string> TokenizerConfig::model_type() const {
  const auto node = model.find("model_type");
  return node ? std::optional<std::string>(node->as_string()) : std::nullopt;
}

std::optional<std::string> TokenizerConfig::named_token(std::string_view key) const {
  for (const OptionalFile* file : {&tokenizer, &special_map}) {
    if (const auto node = file->find(key)) return token_text(*node);
  }
  return std::nullopt;
}

void AddedTokenList::add_from(const TokenizerConfig& config) {
  // {"151644": {"content": "<|im_start|>", "lstrip": false, ..}}
  if (const auto node = config.tokenizer.find("added_tokens_decoder")) {
    for (const auto& [id, token] : node->members()) {
      const bool digits =
          !id.empty() && id.size() <= 9 && id.find_first_not_of("0123456789") == std::string::npos;
      LINSCAN_CHECK(digits, kInput, "{}: expected an id as key, got \"{}\"", node->where(), id);
      add(token.at("content").as_string(), std::stoll(id), token.where(), read_flags(token));
    }
  }
  // {"<|im_start|>": 151644}, in older folders; what no file names is no special token.
  const std::vector<JsonNode> named = named_tokens(config);
  std::set<std::string> special;
  for (const JsonNode& node : named) special.insert(token_text(node));
  if (const auto root = config.added.root()) {
    for (const auto& [content, id] : root->members()) {
      AddedToken flags;
      flags.normalized = !special.contains(content);
      add(content, id.as_integer(), id.where(), flags);
    }
  }
  // Such a token has no id of its own: without one elsewhere it stands for nothing.
  for (const JsonNode& node : named) {
    const std::string content = token_text(node);
    if (const auto id = find(content)) {
      add(content, *id, node.where(), node.value().is_object() ? read_flags(node) : AddedToken());
    }
  }
}

void AddedTokenList::add_default(const std::string& content) {
  if (const auto id = find(content)) add(content, *id, content, AddedToken());
}

std::optional<int32_t> AddedTokenList::find(const std::string& content) const {
  const auto added = ids_.find(content);
  return added == ids_.end() ? find_id_(content) : std::optional<int32_t>(added->second);
}

void AddedTokenList::add(const std::string& content,
                         int64_t id,
                         const std::string& where,
                         AddedToken flags) {
  if (content.empty()) return;
  LINSCAN_CHECK(
      id <= Vocabulary::kMaxId, kInput, "{}: id {} is above {}", where, id, Vocabulary::kMaxId);
  const std::optional<int32_t> known = find(content);
  LINSCAN_CHECK(!known || *known == id,
                kInput,
                "{}: token \"{}\" has id {}, but elsewhere in this folder it has {}",
                where,
                content,
                id,
                known.value_or(-1));
  if (!ids_.emplace(content, static_cast<int32_t>(id)).second) return;
  flags.content = content;
  flags.id = static_cast<int32_t>(id);
  flags.special = true;
  tokens_.push_back(std::move(flags));
}

}  // namespace linscan
