#include "text/regex.h"

#include <fmt/format.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cctype>
#include <memory>

#include "linscan/base/error.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace linscan {
namespace {

// White_Space without U+180E, which PCRE2's \s still holds.
constexpr std::string_view kSpaceSet =
    "\\x{09}-\\x{0d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"
    "\\x{205f}\\x{3000}";
constexpr std::string_view kHexSet = "0-9a-fA-F";

// "\p{L}" and the ranges of that category that PCRE2's Unicode version does not know yet.
std::string category_set(std::string_view category) {
  std::string set = fmt::format("\\p{{{}}}", category);
  for (const LaterAssignment& row : later_assignments()) {
    if (std::string_view(row.category).starts_with(category)) {
      set += fmt::format("\\x{{{:x}}}-\\x{{{:x}}}",
                         static_cast<uint32_t>(row.first),
                         static_cast<uint32_t>(row.last));
    }
  }
  return set;
}

// Oniguruma's \w: Alphabetic, marks, decimal digits, connectors, and six superscripts and fractions
// of Latin-1.
std::string word_set() {
  return "\\p{Alphabetic}\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}" + category_set("L") +
         category_set("M") + category_set("Nd") + category_set("Pc");
}

// One pass over the pattern; `class_depth_` says in how many classes [..] we stand.
class Translator {
 public:
  Translator(std::string_view pattern, const std::string& where)
      : pattern_(pattern), where_(where) {}

  std::string run() {
    while (at_ < pattern_.size()) {
      const char c = pattern_[at_];
      if (c == '\\') {
        escape();
      } else if (class_depth_ > 0) {
        class_character(c);
      } else {
        plain_character(c);
      }
    }
    return std::move(out_);
  }

 private:
  bool next_is(std::string_view text) const { return pattern_.substr(at_).starts_with(text); }

  [[noreturn]] void refuse(std::string_view what) const {
    fail_unsupported("{}: the regular expression \"{}\" uses {}, which is not supported",
                     where_,
                     pattern_,
                     what);
  }

  void copy(size_t count) {
    out_.append(pattern_.substr(at_, count));
    at_ += count;
  }

  void plain_character(char c) {
    if (c == '[') {
      class_depth_ = 1;
      copy(next_is("[^") ? 2 : 1);
      if (next_is("]")) refuse("']' as the first character of a class");
      return;
    }
    if (c == '(' && next_is("(?")) check_group_options();
    if (c == '}' && next_is("}+")) refuse("a '+' behind a counted repeat");
    copy(1);
  }

  // (?m) means "dot takes newlines" in Ruby and something else in PCRE2.
  void check_group_options() const {
    for (size_t i = at_ + 2; i < pattern_.size(); ++i) {
      const char option = pattern_[i];
      if (option == 'm') refuse("the option (?m)");
      if (option != '-' && std::isalpha(static_cast<unsigned char>(option)) == 0) return;
    }
  }

  // A class inside a class is a union in Ruby; PCRE2 would take its '[' as a character. Its members
  // are written into the outer class.
  void class_character(char c) {
    if (c == ']' && class_depth_ > 1) {
      --class_depth_;
      ++at_;
      if (next_is("-") && !next_is("-]")) refuse("a '-' behind a class inside a class");
      return;
    }
    if (c == ']') {
      class_depth_ = 0;
    } else if (c == '[') {
      if (next_is("[^") || next_is("[:")) refuse("a negated or named class inside a class");
      if (next_is("[]")) refuse("']' as the first character of a class");
      if (at_ > 0 && pattern_[at_ - 1] == '-') refuse("a '-' before a class inside a class");
      ++class_depth_;
      ++at_;
      return;
    } else if (next_is("&&")) {
      refuse("an intersection of classes");
    }
    copy(1);
  }

  void put_set(std::string_view set, bool negated) {
    if (class_depth_ == 0) {
      out_ += fmt::format("[{}{}]", negated ? "^" : "", set);
    } else if (!negated) {
      out_ += set;
    } else {
      refuse("a negated set (\\S, \\W, \\D, \\H, \\P) inside a class");
    }
  }

  void escape() {
    if (at_ + 1 >= pattern_.size()) refuse("a lone backslash at its end");
    const char letter = pattern_[at_ + 1];
    const bool negated = std::isupper(static_cast<unsigned char>(letter)) != 0;
    switch (letter) {
      case 's':
      case 'S':
        put_short(kSpaceSet, negated);
        return;
      case 'w':
      case 'W':
        put_short(word_set(), negated);
        return;
      case 'd':
      case 'D':
        put_short(category_set("Nd"), negated);
        return;
      case 'h':
      case 'H':
        put_short(kHexSet, negated);
        return;
      case 'p':
      case 'P':
        property(negated);
        return;
      default:
        copy(2);
    }
  }

  void put_short(std::string_view set, bool negated) {
    // [^\S..] is common; PCRE2's own \S differs only in U+180E, which a second set cannot take
    // back.
    put_set(set, negated);
    at_ += 2;
  }

  void property(bool negated) {
    const size_t close = pattern_.find('}', at_);
    if (!next_is(negated ? "\\P{" : "\\p{") || close == std::string_view::npos) {
      refuse("a property without braces");
    }
    std::string_view name = pattern_.substr(at_ + 3, close - at_ - 3);
    if (name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    const bool is_category = !name.empty() && name.size() <= 2 && name != "C" && name != "Cn" &&
                             std::isupper(static_cast<unsigned char>(name[0])) != 0;
    if (is_category) {
      put_set(category_set(name), negated);
    } else {
      out_ += fmt::format("\\{}{{{}}}", negated ? 'P' : 'p', name);
    }
    at_ = close + 1;
  }

  std::string_view pattern_;
  const std::string& where_;
  std::string out_;
  size_t at_ = 0;
  int class_depth_ = 0;
};

std::string pcre2_message(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

// What one thread needs while it matches.
class MatchState {
 public:
  explicit MatchState(const pcre2_code* code)
      : data_(pcre2_match_data_create_from_pattern(code, nullptr)),
        context_(pcre2_match_context_create(nullptr)) {
    if (!data_ || !context_) throw std::bad_alloc();
  }

  pcre2_match_data* data() const { return data_.get(); }
  pcre2_match_context* context() const { return context_.get(); }

  // A larger stack than the 32 KiB that compiled code gets by default; only asked for when that was
  // too small.
  void grow_stack() {
    constexpr size_t kMaxStack = size_t{64} << 20;
    stack_.reset(pcre2_jit_stack_create(size_t{64} << 10, kMaxStack, nullptr));
    if (!stack_) throw std::bad_alloc();
    pcre2_jit_stack_assign(context_.get(), nullptr, stack_.get());
  }
  bool has_stack() const { return stack_ != nullptr; }

 private:
  struct Free {
    void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
    void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
    void operator()(pcre2_jit_stack* p) const { pcre2_jit_stack_free(p); }
  };
  std::unique_ptr<pcre2_match_data, Free> data_;
  std::unique_ptr<pcre2_match_context, Free> context_;
  std::unique_ptr<pcre2_jit_stack, Free> stack_;
};

}  // namespace

std::string translate_regex(std::string_view pattern, const std::string& where) {
  // DeepSeek's. Tried from every space of a run it would take quadratic time; where it does not
  // match from the first one it does not from any.
  if (pattern == R"(\s+$)") pattern = R"((?<!\s)\s+$)";
  return Translator(pattern, where).run();
}

Regex::Regex(std::string_view pattern, const std::string& where) : where_(where) {
  const std::string translated = translate_regex(pattern, where);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()),
                                   translated.size(),
                                   PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE,
                                   &error,
                                   &offset,
                                   nullptr);
  if (code == nullptr) {
    fail_input("{}: the regular expression \"{}\" cannot be compiled: {}",
               where,
               pattern,
               pcre2_message(error));
  }
  code_ =
      std::shared_ptr<void>(code, [](void* p) { pcre2_code_free(static_cast<pcre2_code*>(p)); });
  // Without a just-in-time compiler on this machine pcre2_match interprets: slower, the same
  // matches.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
}

void Regex::for_each_match(std::string_view text, FunctionRef<bool(size_t, size_t)> visit) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  MatchState state(code);
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  size_t from = 0;
  size_t last_end = std::string_view::npos;  // end of the match before
  while (from <= text.size()) {
    // The text was validated once; a check in every call would be quadratic.
    const int found = pcre2_match(
        code, subject, text.size(), from, PCRE2_NO_UTF_CHECK, state.data(), state.context());
    if (found == PCRE2_ERROR_NOMATCH) return;
    if (found == PCRE2_ERROR_JIT_STACKLIMIT && !state.has_stack()) {
      state.grow_stack();
      continue;
    }
    LINSCAN_CHECK(found >= 0,
                  kInput,
                  "{}: the regular expression gave up on this text: {}",
                  where_,
                  pcre2_message(found));
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(state.data());
    const size_t begin = ends[0];
    const size_t end = ends[1];
    LINSCAN_CHECK(
        begin <= end, kInput, "{}: the regular expression moves its start behind its end", where_);
    if (begin == end && begin == last_end) {
      if (end >= text.size()) return;
      from = end + static_cast<size_t>(code_point_at(text, end).bytes);
      continue;
    }
    if (!visit(begin, end)) return;
    from = end;
    last_end = end;
  }
}

bool Regex::matches(std::string_view text) const {
  bool found = false;
  for_each_match(text, [&](size_t, size_t) {
    found = true;
    return false;
  });
  return found;
}

}  // namespace linscan
