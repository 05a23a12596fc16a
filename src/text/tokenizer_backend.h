// What stands behind Tokenizer: one backend per kind of file.
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

class TokenizerBackend {
 public:
  virtual ~TokenizerBackend() = default;
  // Appends the ids of `text` (valid UTF-8) to `out`; may stop once `out` holds `enough` ids.
  virtual void encode(std::string_view text,
                      bool add_special_tokens,
                      size_t enough,
                      std::vector<int32_t>& out) const = 0;
  virtual std::string decode(std::span<const int32_t> ids) const = 0;
  virtual std::optional<int32_t> find(std::string_view token) const = 0;
  virtual int64_t vocabulary_size() const = 0;
};

std::unique_ptr<TokenizerBackend> load_tokenizer_json(const std::filesystem::path& file);
std::unique_ptr<TokenizerBackend> load_sentencepiece(const std::filesystem::path& file);
// vocab.json and merges.txt of `folder`, with added_tokens.json, special_tokens_map.json,
// tokenizer_config.json and config.json beside them where present.
std::unique_ptr<TokenizerBackend> load_vocabulary_and_merges(const std::filesystem::path& folder);

}  // namespace linscan
