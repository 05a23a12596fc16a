// Folders with vocab.json and merges.txt only: byte-level BPE as GPT-2 or Qwen2 set it up.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/base/json.h"
#include "linscan/base/log.h"
#include "text/bpe.h"
#include "text/json_node.h"
#include "text/known_patterns.h"
#include "text/pipeline.h"
#include "text/tokenizer_file.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

// A JSON file beside the vocabulary that need not be there.
class OptionalFile {
 public:
  OptionalFile(const fs::path& folder, const char* name) : name_((folder / name).string()) {
    if (fs::exists(name_)) content_ = read_json_file(name_);
  }

  std::optional<JsonNode> root() const {
    return content_ ? std::optional<JsonNode>(JsonNode(*content_, name_)) : std::nullopt;
  }
  std::optional<JsonNode> find(std::string_view key) const {
    return content_ ? JsonNode(*content_, name_).find(key) : std::nullopt;
  }

 private:
  std::string name_;
  std::optional<Json> content_;
};

enum class Rules { kGpt2, kQwen2 };

// No token of two or more digits: every digit was a piece of its own when this vocabulary was made.
bool digits_stand_alone(const Vocabulary& vocabulary) {
  bool alone = true;
  vocabulary.for_each([&](std::string_view token, int32_t) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    alone = alone && !(token.size() > 1 && std::all_of(token.begin(), token.end(), is_digit));
  });
  return alone;
}

Rules choose_rules(const fs::path& folder,
                   const Vocabulary& vocabulary,
                   const OptionalFile& tokenizer_config) {
  if (const auto node = tokenizer_config.find("tokenizer_class")) {
    const std::string name = node->as_string();
    if (name.starts_with("Qwen2Tokenizer")) return Rules::kQwen2;
    if (name.starts_with("GPT2Tokenizer") || name.starts_with("CodeGenTokenizer"))
      return Rules::kGpt2;
    fail_unsupported(
        "{}: \"{}\" with vocab.json and merges.txt is not supported; save the tokenizer as "
        "tokenizer.json",
        node->where(),
        name);
  }
  const OptionalFile config(folder, "config.json");
  if (const auto node = config.find("model_type")) {
    const std::string name = node->as_string();
    return name.starts_with("qwen2") || name.starts_with("qwen3") ? Rules::kQwen2 : Rules::kGpt2;
  }
  if (!digits_stand_alone(vocabulary)) return Rules::kGpt2;
  log::warn(
      "{}: nothing here names the tokenizer class; its vocabulary has no token of several digits, "
      "so text is cut "
      "as Qwen2 does (a tokenizer_config.json with \"tokenizer_class\" decides)",
      folder.string());
  return Rules::kQwen2;
}

class AddedTokenList {
 public:
  explicit AddedTokenList(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  // From added_tokens.json: {"<|im_start|>": 151644}.
  void add_ids(const JsonNode& node) {
    for (const auto& [content, id] : node.members()) add(content, id.as_integer(), id.where());
  }

  // From "added_tokens_decoder": {"151644": {"content": "<|im_start|>", "lstrip": false, ..}}.
  void add_decoder(const JsonNode& node) {
    for (const auto& [id, token] : node.members()) {
      const bool digits =
          !id.empty() && id.size() <= 9 && id.find_first_not_of("0123456789") == std::string::npos;
      LINSCAN_CHECK(digits, kInput, "{}: expected an id as key, got \"{}\"", node.where(), id);
      add(token.at("content").as_string(), std::stoll(id), token.where(), &token);
    }
  }

  // From bos_token, eos_token and so on: "<s>" or {"content": "<s>", ..}; the vocabulary has the
  // id.
  void add_named(const JsonNode& node) {
    const bool is_object = node.value().is_object();
    const std::string content = is_object ? node.at("content").as_string() : node.as_string();
    const std::optional<int32_t> id = find(content);
    if (id) add(content, *id, node.where(), is_object ? &node : nullptr);
  }

  std::optional<int32_t> find(const std::string& content) const {
    for (const AddedToken& token : tokens_) {
      if (token.content == content) return token.id;
    }
    const int32_t id = vocabulary_.find(content);
    return id >= 0 ? std::optional<int32_t>(id) : std::nullopt;
  }

  std::vector<AddedToken> take() { return std::move(tokens_); }

 private:
  void add(const std::string& content,
           int64_t id,
           const std::string& where,
           const JsonNode* flags = nullptr) {
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
    const auto same = [&](const AddedToken& token) { return token.content == content; };
    if (std::any_of(tokens_.begin(), tokens_.end(), same)) return;
    AddedToken token;
    token.content = content;
    token.id = static_cast<int32_t>(id);
    token.special = true;
    if (flags != nullptr) {
      token.single_word = flags->bool_or("single_word", false);
      token.lstrip = flags->bool_or("lstrip", false);
      token.rstrip = flags->bool_or("rstrip", false);
      token.normalized = flags->bool_or("normalized", false);
    }
    tokens_.push_back(std::move(token));
  }

  const Vocabulary& vocabulary_;
  std::vector<AddedToken> tokens_;
};

void add_special_token_names(const OptionalFile& file, AddedTokenList& list) {
  for (const char* key : {"bos_token",
                          "eos_token",
                          "unk_token",
                          "sep_token",
                          "pad_token",
                          "cls_token",
                          "mask_token"}) {
    if (const auto node = file.find(key)) list.add_named(*node);
  }
  if (const auto node = file.find("additional_special_tokens")) {
    for (const JsonNode& token : node->elements()) list.add_named(token);
  }
}

// The id that "add_bos_token": true with "bos_token" (or eos) asks for.
std::vector<int32_t> configured_id(const OptionalFile& config,
                                   const char* switch_key,
                                   const char* token_key,
                                   const AddedTokenList& list) {
  const auto on = config.find(switch_key);
  if (!on || !on->as_bool()) return {};
  const auto node = config.find(token_key);
  LINSCAN_CHECK(node, kInput, "{} is true, but there is no {}", on->where(), token_key);
  const std::string content =
      node->value().is_object() ? node->at("content").as_string() : node->as_string();
  const auto id = list.find(content);
  LINSCAN_CHECK(id, kInput, "{}: \"{}\" is not in the vocabulary", node->where(), content);
  return {*id};
}

}  // namespace

std::unique_ptr<TokenizerBackend> load_vocabulary_and_merges(const fs::path& folder) {
  const fs::path vocabulary_file = folder / "vocab.json";
  const fs::path merges_file = folder / "merges.txt";
  auto vocabulary = std::make_shared<Vocabulary>(
      parse_vocabulary_file(read_file(vocabulary_file), vocabulary_file.string()));
  LINSCAN_CHECK(BpeModel::takes_raw_bytes(*vocabulary),
                kUnsupported,
                "{}: not a byte-level vocabulary: some byte has no token",
                vocabulary_file.string());
  const OptionalFile added(folder, "added_tokens.json");
  const OptionalFile special_map(folder, "special_tokens_map.json");
  const OptionalFile config(folder, "tokenizer_config.json");

  AddedTokenList list(*vocabulary);
  if (const auto root = added.root()) list.add_ids(*root);
  if (const auto node = config.find("added_tokens_decoder")) list.add_decoder(*node);
  add_special_token_names(special_map, list);
  add_special_token_names(config, list);
  // GPT-2's own folder says nothing: its one special token is a default of the tokenizer class.
  if (!added.root() && !special_map.root() && !config.root()) {
    list.add_named(JsonNode(Json("<|endoftext|>"), vocabulary_file.string()));
  }

  const Rules rules = choose_rules(folder, *vocabulary, config);
  const auto prefix = config.find("add_prefix_space");
  PipelineParts parts;
  parts.vocabulary = vocabulary;
  if (rules == Rules::kQwen2) parts.normalizer = make_unicode_normalizer(UnicodeForm::kNfc);
  parts.pre_tokenizer = make_regex_pre_tokenizer(
      rules == Rules::kQwen2 ? kQwen2Pattern : kGpt2Pattern, prefix && prefix->as_bool());
  parts.decoder = make_byte_level_decoder();
  parts.special_tokens.before = configured_id(config, "add_bos_token", "bos_token", list);
  parts.special_tokens.after = configured_id(config, "add_eos_token", "eos_token", list);
  parts.added_tokens = list.take();
  BpeOptions options;
  options.raw_bytes = true;
  parts.model =
      std::make_unique<BpeModel>(vocabulary,
                                 parse_merges_file(read_file(merges_file), merges_file.string()),
                                 std::move(options),
                                 merges_file.string());
  return std::make_unique<Pipeline>(std::move(parts));
}

}  // namespace linscan
