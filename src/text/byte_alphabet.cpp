#include "text/byte_alphabet.h"

#include <array>
#include <cstdint>

#include "text/utf8.h"

namespace linscan {
namespace {

constexpr char32_t kLastCharacter = 0x143;

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<int16_t, kLastCharacter + 1> bytes;  // -1: not in the alphabet

  Alphabet() {
    bytes.fill(-1);
    char32_t next = 256;
    for (int byte = 0; byte < 256; ++byte) {
      const bool printable =
          (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      const char32_t character = printable ? static_cast<char32_t>(byte) : next++;
      append_utf8(characters[static_cast<size_t>(byte)], character);
      bytes[character] = static_cast<int16_t>(byte);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

}  // namespace

std::string_view byte_character(unsigned char byte) {
  return alphabet().characters[byte];
}

std::string bytes_to_characters(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char byte : bytes) out += byte_character(static_cast<unsigned char>(byte));
  return out;
}

std::optional<std::string> characters_to_bytes(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    if (c.value > kLastCharacter || alphabet().bytes[c.value] < 0) return std::nullopt;
    out.push_back(static_cast<char>(alphabet().bytes[c.value]));
    at += static_cast<size_t>(c.bytes);
  }
  return out;
}

}  // namespace linscan
