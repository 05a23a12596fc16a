// PCRE2, compiled once and just-in-time, fed the dialect that HF tokenizers use (Oniguruma's Ruby
// syntax).
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "text/function_ref.h"

namespace linscan {

// \w of Rust's regex crate, for between [ and ]: letters, marks, decimal digits, connectors, the
// two joiners. HF uses it where no file gives the expression; Oniguruma's \w differs.
inline constexpr std::string_view kRustWordSet =
    R"(\p{Alphabetic}\p{L}\p{M}\p{Nd}\p{Pc}\x{200c}\x{200d})";

// Rewrites what the two dialects read differently: \s \w \d \h and the categories \p{..} become
// what Oniguruma (Unicode 16) means by them, classes inside classes their members. Refuses, naming
// `where`, what cannot be carried over: class intersections, negated sets and classes inside a
// class, (?m), {n,m}+.
std::string translate_regex(std::string_view pattern, const std::string& where);

// Immutable and shareable between threads.
class Regex {
 public:
  // `where` names the origin in errors ("tokenizer.json: $.pre_tokenizer.pattern").
  Regex(std::string_view pattern, const std::string& where);

  // Calls visit(begin, end) for every match, left to right, until it returns false. `text` must be
  // valid UTF-8. Empty matches are reported, except right behind another match.
  void for_each_match(std::string_view text, FunctionRef<bool(size_t, size_t)> visit) const;

  // True when the pattern matches somewhere in `text` (valid UTF-8).
  bool matches(std::string_view text) const;

 private:
  std::shared_ptr<void> code_;
  std::string where_;
};

}  // namespace linscan
