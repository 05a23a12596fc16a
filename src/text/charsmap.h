// The character map inside sentencepiece models and "Precompiled" normalizers: strings and what
// they are rewritten to.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linscan {

// The bytes that `text` stands for in base64 (RFC 4648, padded, nothing else in between); nothing
// when it is not that.
std::optional<std::string> decode_base64(std::string_view text);

class Charsmap {
 public:
  // bytes: size of the trie (u32, little-endian), the units of a Darts-clone double array, then
  // NUL-terminated UTF-8 strings. Every place that a unit points to is checked; errors name
  // `where`.
  Charsmap(std::string_view bytes, const std::string& where);

  // What the shortest string of the map that `text` begins with becomes; nothing when there is
  // none.
  std::optional<std::string_view> find(std::string_view text) const;

  // Rewrites `text` as HF does, which differs from sentencepiece: a grapheme cluster of up to five
  // bytes that begins with a string of the map is replaced as a whole; otherwise, and in longer
  // clusters, every character is looked up alone.
  std::string rewrite(std::string_view text) const;

 private:
  void check_units(const std::string& where) const;
  // End of the characters from `at` that stay as they are and are clusters of their own.
  size_t skip_plain(std::string_view text, size_t at) const;
  void append_cluster(std::string_view cluster, std::string& out) const;

  std::vector<uint32_t> units_;
  std::string strings_;
  std::array<bool, 128> plain_{};  // ASCII characters that no rule begins with
};

}  // namespace linscan
