// Text as Python's str sees it: characters are code points, whitespace is what str.isspace says.
// All texts are valid UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace linscan::python {

std::string_view rstrip(std::string_view text);
std::string_view strip(std::string_view text);

// str.split(): the words between runs of whitespace.
std::vector<std::string_view> split(std::string_view text);

// The number of pieces of re.split(r"\s+", text): empty ones at the beginning and end count.
int64_t count_pieces(std::string_view text);

// text[begin:end] of Python for 0 <= begin, end: what lies outside the text is left out.
std::string_view slice(std::string_view text, int64_t begin, int64_t end = INT64_MAX);

std::string lower(std::string_view text);
// str.capitalize(): the first character in title case, the others in lower case.
std::string capitalize(std::string_view text);
// text[0].lower() + text[1:], text[0].upper() + text[1:].
std::string lower_first(std::string_view text);
std::string upper_first(std::string_view text);
bool starts_lower(std::string_view text);  // text[0].islower(); false for an empty text

bool is_word_character(char32_t c);  // \w of re: str.isalnum, and the underscore

// str.replace of every occurrence, left to right.
std::string replace(std::string text, std::string_view from, std::string_view to);

}  // namespace linscan::python
