// tokenizer.json: from the file to a pipeline.
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/base/json.h"
#include "linscan/base/log.h"
#include "text/bpe.h"
#include "text/json_node.h"
#include "text/pipeline.h"
#include "text/tokenizer_file.h"
#include "text/unigram.h"

namespace linscan {
namespace {

enum class ModelType { kBpe, kUnigram };

// Files of early versions name no type: what the model holds tells.
ModelType parse_model_type(const JsonNode& model, const TokenizerFile& content) {
  const auto type = model.find("type");
  const std::string name = type                 ? type->as_string()
                           : content.has_merges ? "BPE"
                           : content.has_scores ? "Unigram"
                                                : "without merges or scores";
  if (name == "BPE") return ModelType::kBpe;
  if (name == "Unigram") return ModelType::kUnigram;
  fail_unsupported(
      "{}: model type \"{}\" is not supported; supported: BPE, Unigram", model.where(), name);
}

BpeOptions parse_bpe_options(const JsonNode& model) {
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    LINSCAN_CHECK(model.string_or(key, "").empty(),
                  kUnsupported,
                  "{}.{}: \"{}\" is not supported, only an empty one is",
                  model.where(),
                  key,
                  model.string_or(key, ""));
  }
  const auto dropout = model.find("dropout");
  LINSCAN_CHECK(!dropout || (dropout->value().is_number() && dropout->value().get<double>() == 0.0),
                kUnsupported,
                "{}.dropout: {} would make every encoding random; set it to null",
                model.where(),
                dropout ? dropout->value().dump() : "");
  BpeOptions options;
  if (const auto unk = model.find("unk_token")) options.unk_token = unk->as_string();
  options.byte_fallback = model.bool_or("byte_fallback", false);
  options.fuse_unk = model.bool_or("fuse_unk", false);
  options.ignore_merges = model.bool_or("ignore_merges", false);
  return options;
}

// `raw_bytes` is set when pieces go to the model as bytes.
std::unique_ptr<PreTokenizer> take_pre_tokenizer(const JsonNode& root,
                                                 bool model_takes_bytes,
                                                 bool& raw_bytes) {
  const auto node = root.find("pre_tokenizer");
  if (!node) return nullptr;
  ParsedPreTokenizer parsed = parse_pre_tokenizer(*node, model_takes_bytes);
  raw_bytes = parsed.raw_bytes;
  return std::move(parsed.pre_tokenizer);
}

void set_bpe(const JsonNode& root,
             const JsonNode& model,
             const TokenizerFile& content,
             PipelineParts& parts) {
  LINSCAN_CHECK(content.has_vocabulary,
                kInput,
                "{}.vocab: missing, or not an object of token to id",
                model.where());
  LINSCAN_CHECK(content.has_merges, kInput, "{}.merges: missing, or not an array", model.where());
  BpeOptions options = parse_bpe_options(model);
  const bool takes_bytes = BpeModel::takes_raw_bytes(*parts.vocabulary) && !options.byte_fallback;
  parts.pre_tokenizer = take_pre_tokenizer(root, takes_bytes, options.raw_bytes);
  parts.model = std::make_unique<BpeModel>(
      parts.vocabulary, content.merges, std::move(options), model.where());
}

void set_unigram(const JsonNode& root,
                 const JsonNode& model,
                 TokenizerFile& content,
                 PipelineParts& parts) {
  LINSCAN_CHECK(content.has_scores,
                kInput,
                "{}.vocab: missing, or not a list of [token, score]",
                model.where());
  UnigramOptions options;
  if (const auto unk = model.find("unk_id")) options.unk_id = unk->as_integer();
  options.byte_fallback = model.bool_or("byte_fallback", false);
  bool raw_bytes = false;
  parts.pre_tokenizer = take_pre_tokenizer(root, false, raw_bytes);
  parts.model = std::make_unique<UnigramModel>(
      parts.vocabulary, std::move(content.scores), options, model.where());
}

AddedToken parse_added_token(const JsonNode& node) {
  AddedToken token;
  token.content = node.at("content").as_string();
  token.id = static_cast<int32_t>(node.at("id").as_integer());
  token.special = node.bool_or("special", false);
  token.single_word = node.bool_or("single_word", false);
  token.lstrip = node.bool_or("lstrip", false);
  token.rstrip = node.bool_or("rstrip", false);
  token.normalized = node.bool_or("normalized", !token.special);
  return token;
}

// HF gives ids itself: that of the vocabulary where it has the token, else the next free one. The
// id in the file is only a claim. Following HF keeps the ids that such a checkpoint was used with;
// a warning says that they differ.
std::vector<AddedToken> parse_added_tokens(const JsonNode& root, const Vocabulary& vocabulary) {
  std::vector<AddedToken> tokens;
  std::set<std::string> seen;
  const auto list = root.find("added_tokens");
  if (!list) return tokens;
  int64_t next_id = vocabulary.size();
  for (const JsonNode& node : list->elements()) {
    AddedToken token = parse_added_token(node);
    if (token.content.empty()) continue;
    LINSCAN_CHECK(seen.insert(token.content).second,
                  kInput,
                  "{}: added token \"{}\" appears twice",
                  node.where(),
                  token.content);
    const int32_t known = vocabulary.find(token.content);
    const int64_t id = known >= 0 ? known : next_id;
    LINSCAN_CHECK(
        known >= 0 || !vocabulary.contains_id(static_cast<int32_t>(id)),
        kInput,
        "{}: added token \"{}\" would get id {}, which \"{}\" has: the vocabulary has holes",
        node.where(),
        token.content,
        id,
        vocabulary.token(static_cast<int32_t>(id)));
    if (id != token.id) {
      log::warn(
          "{}: added token \"{}\" has id {} in the file, but its place is {}, which is used, as HF "
          "does",
          node.where(),
          token.content,
          token.id,
          id);
      token.id = static_cast<int32_t>(id);
    }
    next_id = std::max(next_id, id + 1);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

void check_special_ids(const SpecialTokens& special,
                       const Pipeline& pipeline,
                       const std::string& where) {
  for (const auto* ids : {&special.before, &special.after}) {
    for (const int32_t id : *ids) {
      LINSCAN_CHECK(id < pipeline.vocabulary_size(),
                    kInput,
                    "{}: $.post_processor adds id {}, but the vocabulary has {} ids",
                    where,
                    id,
                    pipeline.vocabulary_size());
    }
  }
}

}  // namespace

std::unique_ptr<TokenizerBackend> load_tokenizer_json(const std::filesystem::path& file) {
  const std::string name = file.string();
  TokenizerFile content = parse_tokenizer_file(read_file(file), name);
  const JsonNode root(content.rest, name);
  const JsonNode model(root.at("model"));
  const ModelType type = parse_model_type(model, content);

  PipelineParts parts;
  parts.vocabulary = std::make_shared<Vocabulary>(std::move(content.vocabulary));
  if (const auto node = root.find("normalizer")) parts.normalizer = parse_normalizer(*node);
  if (type == ModelType::kBpe) {
    set_bpe(root, model, content, parts);
  } else {
    set_unigram(root, model, content, parts);
  }
  if (const auto node = root.find("decoder")) parts.decoder = parse_decoder(*node);
  if (const auto node = root.find("post_processor"))
    parts.special_tokens = parse_post_processor(*node);
  parts.added_tokens = parse_added_tokens(root, *parts.vocabulary);
  const SpecialTokens special = parts.special_tokens;
  auto pipeline = std::make_unique<Pipeline>(std::move(parts));
  check_special_ids(special, *pipeline, name);
  return pipeline;
}

}  // namespace linscan
