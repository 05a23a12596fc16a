// Values of an enumeration under the names that options and files give them.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "linscan/base/error.h"

namespace linscan {

template <typename Value, size_t kCount>
using Choices = std::array<std::pair<Value, std::string_view>, kCount>;

// `value` must be in the table.
template <typename Value, size_t kCount>
constexpr std::string_view choice_name(const Choices<Value, kCount>& choices, Value value) {
  return std::ranges::find(choices, value, &std::pair<Value, std::string_view>::first)->second;
}

// Throws Error(kUsage) naming `option` and all names for a text that is none of them.
template <typename Value, size_t kCount>
Value parse_choice(const Choices<Value, kCount>& choices,
                   std::string_view text,
                   std::string_view option) {
  std::string known;
  for (const auto& [value, name] : choices) {
    if (name == text) {
      return value;
    }
    known += known.empty() ? "" : ", ";
    known += name;
  }
  fail(ErrorKind::kUsage, "{} {}: expected one of {}", option, text, known);
}

}  // namespace linscan
