// Character classes as HF tokenizers' regular expressions see them (Unicode 16), on top of
// utf8proc's tables.
#pragma once

#include <cstdint>
#include <span>

namespace linscan {

enum class CharClass : uint8_t { kLetter, kNumber, kSpace, kOther };  // \p{L}, \p{N}, \s, the rest

// \p{L}, \p{N}, \s or none of them.
CharClass classify(char32_t c);

bool is_white_space(
    char32_t c);             // the property White_Space: 25 code points, U+180E is not among them
bool is_number(char32_t c);  // general category N, of Unicode 17
bool is_punctuation(char32_t c);  // general category P of Unicode 8, and all ASCII punctuation

// Code points that got their general category after Unicode 14, the version of PCRE2 10.42.
struct LaterAssignment {
  char32_t first;
  char32_t last;
  char category[3];  // "Lu"
};
std::span<const LaterAssignment> later_assignments();

// Unicode 9 is what HF's normalisation tables know. True for the characters assigned later that
// NFC, NFD, NFKC or NFKD would change or reorder: they must be passed through as HF does.
bool unknown_to_normalizers(char32_t c);

}  // namespace linscan
