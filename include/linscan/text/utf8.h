// UTF-8 that may be broken: counted and repaired the way Python's errors="replace" does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace linscan {

// Number of ill-formed sequences in `text` (maximal subparts, Unicode chapter 3): 0 means valid
// UTF-8. This is also the number of U+FFFD that replace_invalid_utf8 puts in.
int64_t count_invalid_utf8(std::string_view text);

// `text` with each ill-formed sequence replaced by U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

// Number of Unicode characters (code points) of valid UTF-8.
int64_t count_characters(std::string_view text);

}  // namespace linscan
