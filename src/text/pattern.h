// What a Split or Replace component looks for: a fixed string, a regular expression or a kind of
// character.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "text/function_ref.h"
#include "text/json_node.h"

namespace linscan {

// One stretch of a text: a match, or what lies between two matches. Return false to stop.
using StretchVisitor = FunctionRef<bool(size_t begin, size_t end, bool is_match)>;

class Pattern {
 public:
  virtual ~Pattern() = default;
  // Cuts `text` (not empty, valid UTF-8) into matches and gaps, left to right, leaving nothing out.
  // False when the visitor stopped it.
  virtual bool for_each(std::string_view text, StretchVisitor visit) const = 0;
};

std::unique_ptr<Pattern> make_string_pattern(std::string text);
// Uses the hand-written matcher when there is one for this expression, PCRE2 otherwise.
std::unique_ptr<Pattern> make_regex_pattern(const std::string& expression,
                                            const std::string& where);
// Each character for which `test` holds is one match.
std::unique_ptr<Pattern> make_character_pattern(bool (*test)(char32_t));

// From {"String": ".."} or {"Regex": ".."}.
std::unique_ptr<Pattern> parse_pattern(const JsonNode& node);

enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };
SplitBehavior parse_split_behavior(const JsonNode& node);

// Calls emit(begin, end) for the pieces that `behavior` makes of the stretches; false when emit
// stopped it. `invert` exchanges matches and gaps.
bool split_by_pattern(const Pattern& pattern,
                      SplitBehavior behavior,
                      bool invert,
                      std::string_view text,
                      FunctionRef<bool(size_t, size_t)> emit);

}  // namespace linscan
