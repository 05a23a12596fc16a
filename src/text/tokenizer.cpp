#include "linscan/text/tokenizer.h"

#include <limits>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/text/utf8.h"
#include "text/tokenizer_backend.h"

namespace linscan {

namespace fs = std::filesystem;

Tokenizer::Tokenizer(std::unique_ptr<TokenizerBackend> backend, std::string source)
    : backend_(std::move(backend)), source_(std::move(source)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Tokenizer Tokenizer::load(const fs::path& folder) {
  LINSCAN_CHECK(fs::exists(folder), kInput, "{}: no such file or folder", folder.string());
  if (!fs::is_directory(folder)) {
    if (folder.extension() == ".json")
      return Tokenizer(load_tokenizer_json(folder), folder.string());
    if (folder.extension() == ".model")
      return Tokenizer(load_sentencepiece(folder), folder.string());
    fail_input("{}: expected a folder, a tokenizer.json or a tokenizer.model", folder.string());
  }
  const fs::path json = folder / "tokenizer.json";
  if (fs::exists(json)) return Tokenizer(load_tokenizer_json(json), json.string());
  const fs::path sentencepiece = folder / "tokenizer.model";
  if (fs::exists(sentencepiece))
    return Tokenizer(load_sentencepiece(sentencepiece), sentencepiece.string());
  const fs::path vocabulary = folder / "vocab.json";
  if (fs::exists(vocabulary) && fs::exists(folder / "merges.txt")) {
    return Tokenizer(load_vocabulary_and_merges(folder), vocabulary.string());
  }
  fail_input(
      "{}: no tokenizer: looked for tokenizer.json, tokenizer.model, and vocab.json with "
      "merges.txt",
      folder.string());
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  return encode_prefix(text, add_special_tokens, std::numeric_limits<int64_t>::max());
}

std::vector<int32_t> Tokenizer::encode_prefix(std::string_view text,
                                              bool add_special_tokens,
                                              int64_t max_tokens) const {
  LINSCAN_CHECK(max_tokens >= 0, kInternal, "encode_prefix: max_tokens is {}", max_tokens);
  const auto limit = static_cast<size_t>(max_tokens);
  std::vector<int32_t> ids;
  if (count_invalid_utf8(text) == 0) {
    backend_->encode(text, add_special_tokens, limit, ids);
  } else {
    backend_->encode(replace_invalid_utf8(text), add_special_tokens, limit, ids);
  }
  if (ids.size() > limit) ids.resize(limit);
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
  return backend_->decode(ids);
}

std::optional<int32_t> Tokenizer::find(std::string_view token) const {
  return backend_->find(token);
}

int64_t Tokenizer::vocabulary_size() const {
  return backend_->vocabulary_size();
}

const std::string& Tokenizer::source() const {
  return source_;
}

}  // namespace linscan
