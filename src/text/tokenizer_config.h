// What stands beside a vocabulary in a checkpoint folder: the class of its tokenizer, switches, and
// tokens that were added to it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "linscan/base/json.h"
#include "text/added_tokens.h"
#include "text/json_node.h"

namespace linscan {

// A JSON file that need not be there.
class OptionalFile {
 public:
  OptionalFile(const std::filesystem::path& folder, const char* name);
  ~OptionalFile();
  OptionalFile(const OptionalFile&) = delete;
  OptionalFile& operator=(const OptionalFile&) = delete;

  bool exists() const { return content_ != nullptr; }
  std::optional<JsonNode> root() const;
  // Member `key`; nothing when it, or the file, is absent or null.
  std::optional<JsonNode> find(std::string_view key) const;
  bool bool_or(std::string_view key, bool fallback) const;

 private:
  std::string name_;
  std::unique_ptr<Json> content_;
};

struct TokenizerConfig {
  explicit TokenizerConfig(const std::filesystem::path& folder);

  // True when some file says more about the tokenizer than its vocabulary does.
  bool exists() const { return added.exists() || special_map.exists() || tokenizer.exists(); }
  // Without a final "Fast"; nothing when no class is named.
  std::optional<std::string> tokenizer_class() const;
  // config.json's; nothing when there is none.
  std::optional<std::string> model_type() const;
  // "bos_token" and the like, as text, from tokenizer_config.json or special_tokens_map.json.
  std::optional<std::string> named_token(std::string_view key) const;

  OptionalFile added;        // added_tokens.json
  OptionalFile special_map;  // special_tokens_map.json
  OptionalFile tokenizer;    // tokenizer_config.json
  OptionalFile model;        // config.json
};

// The tokens that are cut out of a text as a whole.
class AddedTokenList {
 public:
  // find_id: id of a token of the vocabulary itself; nothing when it has none.
  using FindId = std::function<std::optional<int32_t>(const std::string& token)>;
  explicit AddedTokenList(FindId find_id) : find_id_(std::move(find_id)) {}

  // All that the files list or name. Errors name file and path: an id out of range, two ids for one
  // token.
  void add_from(const TokenizerConfig& config);
  // A token of the vocabulary that the files need not name; ignored when the vocabulary lacks it.
  void add_default(const std::string& content);

  // Id of `content` as an added token or in the vocabulary.
  std::optional<int32_t> find(const std::string& content) const;
  const std::vector<AddedToken>& tokens() const { return tokens_; }

 private:
  // `flags`: the token but for content and id. The first mention of a token counts.
  void add(const std::string& content, int64_t id, const std::string& where, AddedToken flags);

  FindId find_id_;
  std::vector<AddedToken> tokens_;
  std::unordered_map<std::string, int32_t> ids_;  // of tokens_
};

}  // namespace linscan
