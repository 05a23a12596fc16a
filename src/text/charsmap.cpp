#include "text/charsmap.h"

#include "linscan/base/error.h"
#include "linscan/text/utf8.h"
#include "text/grapheme.h"
#include "text/utf8.h"

namespace linscan {
namespace {

constexpr size_t kMaxWholeCluster = 5;  // bytes

uint32_t read_u32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i)
    value |= uint32_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return value;
}

// Darts-clone packs into one unit: bits 0-7 the label, 8 whether a value hangs on it, 9 and 10-30
// the offset to its children, 31 that the unit is a value itself.
constexpr uint32_t kValueBit = uint32_t{1} << 31;
constexpr uint32_t label_of(uint32_t unit) {
  return unit & (kValueBit | 0xFF);
}
constexpr bool has_value(uint32_t unit) {
  return (unit >> 8 & 1) != 0;
}
constexpr uint32_t value_of(uint32_t unit) {
  return unit & ~kValueBit;
}
constexpr size_t offset_of(uint32_t unit) {
  return size_t{unit >> 10} << ((unit & (uint32_t{1} << 9)) >> 6);
}

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    const int digit = base64_digit(c);
    if (digit < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>(bits >> count));
    bits &= (uint32_t{1} << count) - 1;
  }
  if (bits != 0) return std::nullopt;
  return out;
}

Charsmap::Charsmap(std::string_view bytes, const std::string& where) {
  LINSCAN_CHECK(bytes.size() >= 4, kInput, "{}: {} bytes hold no trie", where, bytes.size());
  const size_t count = read_u32(bytes, 0) / 4;
  LINSCAN_CHECK(count > 0 && count <= (bytes.size() - 4) / 4,
                kInput,
                "{}: a trie of {} units, but {} bytes follow",
                where,
                count,
                bytes.size() - 4);
  units_.reserve(count);
  for (size_t i = 0; i < count; ++i) units_.push_back(read_u32(bytes, 4 + 4 * i));
  strings_ = bytes.substr(4 + 4 * count);
  LINSCAN_CHECK(
      count_invalid_utf8(strings_) == 0, kInput, "{}: its strings are not valid UTF-8", where);
  check_units(where);
  for (size_t i = 0; i < plain_.size(); ++i) {
    const char character = static_cast<char>(i);
    plain_[i] = character != '\r' && !find({&character, 1});
  }
}

void Charsmap::check_units(const std::string& where) const {
  for (size_t at = 0; at < units_.size(); ++at) {
    const uint32_t unit = units_[at];
    if ((unit & kValueBit) != 0 || !has_value(unit)) continue;
    const size_t leaf = at ^ offset_of(unit);
    LINSCAN_CHECK(leaf < units_.size(),
                  kInput,
                  "{}: unit {} points to unit {} of {}",
                  where,
                  at,
                  leaf,
                  units_.size());
    const size_t value = value_of(units_[leaf]);
    const bool is_start =
        value < strings_.size() && (static_cast<unsigned char>(strings_[value]) & 0xC0) != 0x80;
    LINSCAN_CHECK(is_start || value == strings_.size(),
                  kInput,
                  "{}: unit {} points to byte {} of {} bytes of strings, where no character begins",
                  where,
                  leaf,
                  value,
                  strings_.size());
  }
}

std::optional<std::string_view> Charsmap::find(std::string_view text) const {
  size_t at = offset_of(units_[0]);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    at ^= byte;
    if (byte == 0 || at >= units_.size() || label_of(units_[at]) != byte) return std::nullopt;
    const uint32_t unit = units_[at];
    at ^= offset_of(unit);
    if (!has_value(unit)) continue;
    const std::string_view rest = std::string_view(strings_).substr(value_of(units_[at]));
    return rest.substr(0, rest.find('\0'));
  }
  return std::nullopt;
}

void Charsmap::append_cluster(std::string_view cluster, std::string& out) const {
  if (cluster.size() <= kMaxWholeCluster) {
    if (const auto found = find(cluster)) {
      out += *found;
      return;
    }
  }
  for (size_t at = 0; at < cluster.size();) {
    const std::string_view character =
        cluster.substr(at, static_cast<size_t>(code_point_at(cluster, at).bytes));
    out += find(character).value_or(character);
    at += character.size();
  }
}

// The last ASCII character before another one may be the base of a mark.
size_t Charsmap::skip_plain(std::string_view text, size_t at) const {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  while (at < text.size() && byte(at) < 0x80 && plain_[byte(at)] &&
         (at + 1 == text.size() || byte(at + 1) < 0x80))
    ++at;
  return at;
}

std::string Charsmap::rewrite(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t plain = skip_plain(text, at);
    out.append(text, at, plain - at);
    at = plain;
    if (at == text.size()) break;
    const size_t end = grapheme_end(text, at);
    append_cluster(text.substr(at, end - at), out);
    at = end;
  }
  return out;
}

}  // namespace linscan
