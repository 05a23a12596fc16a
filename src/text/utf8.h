// Reading and writing single code points of UTF-8 that is known to be valid.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "linscan/text/utf8.h"

namespace linscan {

struct CodePoint {
  char32_t value;
  int bytes;  // 1..4
};

// The code point that starts at text[at]. Precondition: valid UTF-8, `at` on a character boundary
// and < size.
inline CodePoint code_point_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {((lead & 0x1F) << 6) | (byte(1) & 0x3Fu), 2};
  if (lead < 0xF0) {
    return {((lead & 0x0F) << 12) | ((byte(1) & 0x3Fu) << 6) | (byte(2) & 0x3Fu), 3};
  }
  return {((lead & 0x07) << 18) | ((byte(1) & 0x3Fu) << 12) | ((byte(2) & 0x3Fu) << 6) |
              (byte(3) & 0x3Fu),
          4};
}

// The code point that ends just before text[end]. Precondition: valid UTF-8, `end` on a boundary
// and > 0.
inline CodePoint code_point_before(std::string_view text, size_t end) {
  size_t at = end - 1;
  while ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return code_point_at(text, at);
}

void append_utf8(std::string& out, char32_t value);

}  // namespace linscan
