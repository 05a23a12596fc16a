// GPT-2's byte alphabet: every byte has a printable character (space is U+0120), so that
// vocabularies are text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace linscan {

// The character that stands for `byte`, as UTF-8.
std::string_view byte_character(unsigned char byte);

// Each byte of `bytes` by its character.
std::string bytes_to_characters(std::string_view bytes);

// The inverse; nothing when `text` holds a character outside the alphabet.
std::optional<std::string> characters_to_bytes(std::string_view text);

}  // namespace linscan
