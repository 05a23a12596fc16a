// Numbers as HF reads them from a tokenizer.json.
#pragma once

#include <optional>
#include <string_view>

namespace linscan {

// The value that HF's JSON reader gives to a number with a fraction or an exponent: its digits as a
// whole number, divided or multiplied by a power of ten, each step rounded. In one of seven scores
// the last bit differs from the nearest double, and that bit decides between spellings of a text
// with equal scores. Nothing when the value is too large for a double. Precondition: `text` is a
// JSON number.
std::optional<double> read_json_number(std::string_view text);

}  // namespace linscan
