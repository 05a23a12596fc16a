// tokenizer.model: the sentencepiece library, with the special tokens that HF's Llama and Gemma
// tokenizers put around a text and cut out of it.
#include <sentencepiece_processor.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/base/json.h"
#include "text/added_tokens.h"
#include "text/tokenizer_backend.h"
#include "text/tokenizer_config.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> kClasses{
    "LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer"};

// One model file, opened by the library.
class Processor {
 public:
  Processor(std::string_view bytes, std::string file) : file_(std::move(file)) {
    const auto status = processor_.LoadFromSerializedProto({bytes.data(), bytes.size()});
    LINSCAN_CHECK(
        status.ok() && processor_.GetPieceSize() > 0,
        kInput,
        "{}: not a sentencepiece model ({}); a tokenizer.json beside it would be used instead",
        file_,
        status.ok() ? "no pieces" : status.message());
  }

  void encode(std::string_view text, std::vector<int32_t>& out) const {
    std::vector<int> ids;
    const auto status = processor_.Encode({text.data(), text.size()}, &ids);
    LINSCAN_CHECK(status.ok(),
                  kInput,
                  "{}: a text of {} bytes cannot be encoded: {}",
                  file_,
                  text.size(),
                  status.message());
    out.insert(out.end(), ids.begin(), ids.end());
  }

  std::string decode(const std::vector<int>& ids) const {
    std::string text;
    const auto status = processor_.Decode(ids, &text);
    LINSCAN_CHECK(status.ok(),
                  kInput,
                  "{}: {} ids cannot be decoded: {}",
                  file_,
                  ids.size(),
                  status.message());
    return text;
  }

  std::optional<int32_t> find(const std::string& piece) const {
    const int id = processor_.PieceToId(piece);  // the unknown token's for every other string
    return processor_.IdToPiece(id) == piece ? std::optional<int32_t>(id) : std::nullopt;
  }
  std::string piece(int id) const { return id < 0 ? "" : processor_.IdToPiece(id); }

  int size() const { return processor_.GetPieceSize(); }
  int bos() const { return processor_.bos_id(); }
  int eos() const { return processor_.eos_id(); }
  int unknown() const { return processor_.unk_id(); }

 private:
  std::string file_;
  sentencepiece::SentencePieceProcessor processor_;
};

// The same model without the space that it puts before a text. A field that a protobuf message
// holds twice is merged, so the switch can be appended: field 3 (normalizer_spec), 2 bytes long,
// its field 3 (add_dummy_prefix) = 0.
std::string without_prefix(std::string bytes) {
  return bytes.append("\x1A\x02\x18\x00", 4);
}

void check_class(const TokenizerConfig& config, const std::string& file) {
  const auto name = config.tokenizer_class();
  LINSCAN_CHECK(!name || std::find(kClasses.begin(), kClasses.end(), *name) != kClasses.end(),
                kUnsupported,
                "{}: \"{}\" with {} alone is not supported (supported: LlamaTokenizer, "
                "CodeLlamaTokenizer, GemmaTokenizer); save the tokenizer as tokenizer.json",
                config.tokenizer.find("tokenizer_class")->where(),
                *name,
                file);
}

class SentencePieceBackend final : public TokenizerBackend {
 public:
  explicit SentencePieceBackend(const fs::path& file) : file_(file.string()), matcher_({}, {}) {
    const std::string bytes = read_file(file);
    LINSCAN_CHECK(!bytes.empty(), kInput, "{}: is empty", file_);
    first_ = std::make_unique<Processor>(bytes, file_);
    const TokenizerConfig config(file.parent_path());
    check_class(config, file_);
    const AddedTokenList list = added_tokens(config);
    set_special_tokens(config, list);
    // With nothing beside it the model is used as sentencepiece uses it: no token is cut out.
    if (!config.exists()) return;
    set_matcher(list);
    // HF: "legacy" tokenizers put the space before every stretch of text, others before the first.
    const bool prefix = config.tokenizer.bool_or("add_prefix_space", true);
    const bool legacy = config.tokenizer.bool_or("legacy", false);
    if (!prefix || !legacy) later_ = std::make_unique<Processor>(without_prefix(bytes), file_);
    if (!prefix) first_ = std::make_unique<Processor>(without_prefix(bytes), file_);
  }

  void encode(std::string_view text,
              bool add_special_tokens,
              size_t enough,
              std::vector<int32_t>& out) const override {
    if (add_special_tokens) out.insert(out.end(), before_.begin(), before_.end());
    matcher_.split(text, [&](size_t begin, size_t end, const AddedToken* token) {
      if (token != nullptr) {
        out.push_back(token->id);
      } else {
        const bool is_first = begin == 0 || later_ == nullptr;
        (is_first ? first_ : later_)->encode(text.substr(begin, end - begin), out);
      }
      return out.size() < enough;
    });
    if (add_special_tokens) out.insert(out.end(), after_.begin(), after_.end());
  }

  std::string decode(std::span<const int32_t> ids) const override {
    std::string text;
    std::vector<int> pieces;
    const auto flush = [&] {
      if (!pieces.empty()) text += first_->decode(pieces);
      pieces.clear();
    };
    for (const int32_t id : ids) {
      if (const auto added = added_by_id_.find(id); added != added_by_id_.end()) {
        flush();
        text += added->second;
      } else if (id >= 0 && id < first_->size()) {
        pieces.push_back(id);
      }
    }
    flush();
    return text;
  }

  std::optional<int32_t> find(std::string_view token) const override {
    for (const auto& [id, content] : added_by_id_) {
      if (content == token) return id;
    }
    return first_->find(std::string(token));
  }

  int64_t vocabulary_size() const override {
    int64_t size = first_->size();
    for (const auto& [id, content] : added_by_id_) size = std::max(size, int64_t{id} + 1);
    return size;
  }

 private:
  // HF's classes cut BOS, EOS and the unknown token out of a text even where no file names them.
  AddedTokenList added_tokens(const TokenizerConfig& config) const {
    AddedTokenList list([this](const std::string& token) { return first_->find(token); });
    list.add_from(config);
    const std::pair<const char*, int> own[] = {{"bos_token", first_->bos()},
                                               {"eos_token", first_->eos()},
                                               {"unk_token", first_->unknown()}};
    for (const auto& [key, id] : own) {
      if (!config.named_token(key)) list.add_default(first_->piece(id));
    }
    return list;
  }

  // BOS unless the configuration says otherwise, EOS only when it asks for it: the defaults of HF's
  // classes. A model without BOS adds none.
  void set_special_tokens(const TokenizerConfig& config, const AddedTokenList& list) {
    const auto id_of = [&](const char* key, int own) -> std::optional<int32_t> {
      const auto named = config.named_token(key);
      if (!named) return own >= 0 ? std::optional<int32_t>(own) : std::nullopt;
      const auto id = list.find(*named);
      LINSCAN_CHECK(id, kInput, "{}: the {} \"{}\" is not in the vocabulary", file_, key, *named);
      return id;
    };
    if (config.tokenizer.bool_or("add_bos_token", true)) {
      if (const auto bos = id_of("bos_token", first_->bos())) before_.push_back(*bos);
    }
    if (!config.tokenizer.bool_or("add_eos_token", false)) return;
    const auto eos = id_of("eos_token", first_->eos());
    LINSCAN_CHECK(eos,
                  kInput,
                  "{}: true, but the model has no EOS",
                  config.tokenizer.find("add_eos_token")->where());
    after_.push_back(*eos);
  }

  void set_matcher(const AddedTokenList& list) {
    std::vector<std::string> patterns;
    for (const AddedToken& token : list.tokens()) {
      patterns.push_back(token.content);
      added_by_id_[token.id] = token.content;
    }
    matcher_ = AddedTokenMatcher(list.tokens(), patterns);
  }

  std::string file_;
  std::unique_ptr<Processor> first_;  // for the beginning of a text
  std::unique_ptr<Processor> later_;  // for what follows an added token; nullptr: first_ too
  AddedTokenMatcher matcher_;
  std::unordered_map<int32_t, std::string> added_by_id_;
  std::vector<int32_t> before_;
  std::vector<int32_t> after_;
};

}  // namespace

std::unique_ptr<TokenizerBackend> load_sentencepiece(const fs::path& file) {
  return std::make_unique<SentencePieceBackend>(file);
}

}  // namespace linscan
