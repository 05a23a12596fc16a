// Text to token ids and back, exactly as HF `tokenizers` (tokenizer.json) or sentencepiece
// (tokenizer.model) does it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace linscan {

class TokenizerBackend;  // private: src/text/tokenizer_backend.h

// Move-only. All const members may be called from several threads at once.
class Tokenizer final {
 public:
  // Opens the tokenizer of a checkpoint folder (or one of its files): tokenizer.json where there is
  // one, else tokenizer.model (sentencepiece), else vocab.json with merges.txt (byte-level BPE of
  // GPT-2, GPT-NeoX, OPT or Qwen2). Truncation and padding settings of the file are not applied.
  // Throws Error (input, unsupported) naming the file and the JSON path of what cannot be used.
  static Tokenizer load(const std::filesystem::path& folder);

  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // Ids of `text`. Ill-formed UTF-8 is replaced by U+FFFD first (see count_invalid_utf8 in utf8.h).
  // add_special_tokens: with what the file puts around a text (BOS, ...). Special tokens that are
  // spelled out in the text always become their ids, as in HF; a tokenizer.model with no other
  // tokenizer file beside it reads them as plain text.
  std::vector<int32_t> encode(std::string_view text, bool add_special_tokens) const;

  // The first max_tokens (>= 0) ids of encode(text, add_special_tokens), without encoding much more
  // than these.
  std::vector<int32_t> encode_prefix(std::string_view text,
                                     bool add_special_tokens,
                                     int64_t max_tokens) const;

  // The text of `ids`, special tokens included. Ids without a token are left out, as in HF.
  std::string decode(std::span<const int32_t> ids) const;

  // Id of a token, added or of the vocabulary, spelled as its file spells it; nothing when there is
  // no such token.
  std::optional<int32_t> find(std::string_view token) const;

  // Highest id + 1, added tokens included.
  int64_t vocabulary_size() const;

  // The file it came from, for messages: ".../tokenizer.json".
  const std::string& source() const;

 private:
  explicit Tokenizer(std::unique_ptr<TokenizerBackend> backend, std::string source);

  std::unique_ptr<TokenizerBackend> backend_;
  std::string source_;
};

// SHA-256 over names and contents of the files that decide what `tokenizer` does: tokenizer.json
// alone, or tokenizer.model, or vocab.json with merges.txt, these two with what stands beside them
// (added_tokens.json, special_tokens_map.json, tokenizer_config.json, and the model_type of
// config.json). Throws Error(kInput) when a file is no longer there.
std::string tokenizer_digest(const Tokenizer& tokenizer);

// Refuses a tokenizer with more tokens than the model has embeddings: it is another model's. Fewer
// are usual, since tables are padded.
void require_tokenizer_fits(const Tokenizer& tokenizer, int64_t model_vocabulary);

}  // namespace linscan
