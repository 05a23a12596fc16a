#include "text/tokenizer_writer.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "linscan/base/error.h"

namespace linscan {
namespace {

constexpr const char* kSpace = "\u2581";
constexpr const char* kUnknown = "<unk>";
constexpr const char* kBegin = "<s>";
constexpr const char* kEnd = "</s>";

using Ids = std::unordered_map<std::string, int64_t>;

Ids index_pieces(const TrainedPieces& trained) {
  Ids ids;
  for (size_t id = 0; id < trained.pieces.size(); ++id) {
    const bool is_new = ids.emplace(trained.pieces[id], static_cast<int64_t>(id)).second;
    LINSCAN_CHECK(is_new, kInternal, "the piece \"{}\" was trained twice", trained.pieces[id]);
  }
  return ids;
}

// The pairs that become a piece: all its cuts into two pieces. sentencepiece joins any two
// neighbours that are a piece together and knows no pairs; with all of them, ranked as their piece,
// the `tokenizers` library does the same.
void append_merges(const std::string& piece, const Ids& ids, Json& merges) {
  std::vector<std::pair<int64_t, int64_t>> cuts;
  std::vector<std::string> texts;
  for (size_t at = 1; at < piece.size(); ++at) {
    if ((static_cast<unsigned char>(piece[at]) & 0xC0) == 0x80) continue;  // inside a character
    const auto left = ids.find(piece.substr(0, at));
    const auto right = ids.find(piece.substr(at));
    if (left == ids.end() || right == ids.end()) continue;
    cuts.emplace_back(left->second, static_cast<int64_t>(texts.size()));
    texts.push_back(left->first + " " + right->first);  // a piece holds no space
  }
  std::ranges::sort(cuts);
  for (const auto& [left, index] : cuts) merges.push_back(texts[static_cast<size_t>(index)]);
}

Json format_bpe(const TrainedPieces& trained) {
  const Ids ids = index_pieces(trained);
  Json::object_t vocabulary;
  Json merges = Json::array();
  for (size_t id = 0; id < trained.pieces.size(); ++id) {
    vocabulary.emplace_back(trained.pieces[id], id);  // without a search for the key
    if (id >= 3 + 256) append_merges(trained.pieces[id], ids, merges);
  }
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", kUnknown},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", true},
          {"byte_fallback", true},
          {"ignore_merges", false},
          {"vocab", std::move(vocabulary)},
          {"merges", std::move(merges)}};
}

Json format_unigram(const TrainedPieces& trained) {
  index_pieces(trained);  // refuses a repeated one
  Json vocabulary = Json::array();
  for (size_t id = 0; id < trained.pieces.size(); ++id) {
    vocabulary.push_back(Json::array({trained.pieces[id], trained.scores[id]}));
  }
  return {{"type", "Unigram"},
          {"unk_id", 0},
          {"vocab", std::move(vocabulary)},
          {"byte_fallback", true}};
}

Json format_added_tokens() {
  Json tokens = Json::array();
  for (const char* content : {kUnknown, kBegin, kEnd}) {
    tokens.push_back({{"id", tokens.size()},
                      {"content", content},
                      {"single_word", false},
                      {"lstrip", false},
                      {"rstrip", false},
                      {"normalized", false},
                      {"special", true}});
  }
  return tokens;
}

// <s> A, and <s> A <s> B for two texts.
Json format_post_processor() {
  const auto text = [](const char* name, int type) -> Json {
    return {{"Sequence", {{"id", name}, {"type_id", type}}}};
  };
  const auto begin = [](int type) -> Json {
    return {{"SpecialToken", {{"id", kBegin}, {"type_id", type}}}};
  };
  return {
      {"type", "TemplateProcessing"},
      {"single", Json::array({begin(0), text("A", 0)})},
      {"pair", Json::array({begin(0), text("A", 0), begin(1), text("B", 1)})},
      {"special_tokens",
       {{kBegin, {{"id", kBegin}, {"ids", Json::array({1})}, {"tokens", Json::array({kBegin})}}}}}};
}

Json sequence(const char* members, Json parts) {
  return {{"type", "Sequence"}, {members, std::move(parts)}};
}

Json replace(const char* from, const char* to) {
  return {{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
}

Json format_normalizer() {
  return sequence("normalizers",
                  Json::array({{{"type", "Prepend"}, {"prepend", kSpace}}, replace(" ", kSpace)}));
}

Json format_decoder() {
  return sequence("decoders",
                  Json::array({replace(kSpace, " "),
                               {{"type", "ByteFallback"}},
                               {{"type", "Fuse"}},
                               {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}));
}

}  // namespace

Json format_tokenizer(const TrainedPieces& trained) {
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", format_added_tokens()},
          {"normalizer", format_normalizer()},
          {"pre_tokenizer", nullptr},
          {"post_processor", format_post_processor()},
          {"decoder", format_decoder()},
          {"model",
           trained.kind == TokenizerKind::kBpe ? format_bpe(trained) : format_unigram(trained)}};
}

// The class that reads tokenizer.json as it stands: LlamaTokenizer of transformers 5 builds a
// tokenizer of its own from the pieces.
Json format_tokenizer_config() {
  return {{"tokenizer_class", "PreTrainedTokenizerFast"},
          {"bos_token", kBegin},
          {"eos_token", kEnd},
          {"unk_token", kUnknown},
          {"clean_up_tokenization_spaces", false},
          {"model_max_length", 1'000'000'000'000'000'000}};
}

}  // namespace linscan
