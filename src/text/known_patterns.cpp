#include "text/known_patterns.h"

#include <array>

#include "text/unicode.h"
#include "text/utf8.h"

namespace linscan {

const std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
const std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

namespace {

constexpr std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr std::array<CharClass, 128> make_ascii_classes() {
  std::array<CharClass, 128> classes{};
  for (int c = 0; c < 128; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    const bool space = c == ' ' || (c >= 9 && c <= 13);
    classes[static_cast<size_t>(c)] = letter  ? CharClass::kLetter
                                      : digit ? CharClass::kNumber
                                      : space ? CharClass::kSpace
                                              : CharClass::kOther;
  }
  return classes;
}
constexpr std::array<CharClass, 128> kAsciiClasses = make_ascii_classes();

struct Classified {
  CharClass char_class;
  int bytes;
};

inline Classified classify_at(std::string_view text, size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) return {kAsciiClasses[byte], 1};
  const CodePoint c = code_point_at(text, at);
  return {classify(c.value), c.bytes};
}

// End of the run of `char_class` that goes on at `at`.
inline size_t run_end(std::string_view text, size_t at, CharClass char_class) {
  while (at < text.size()) {
    const Classified c = classify_at(text, at);
    if (c.char_class != char_class) break;
    at += static_cast<size_t>(c.bytes);
  }
  return at;
}

// End of `\s+(?!\S)|\s+` for the white-space run [begin, end): all of it at the end of the text,
// otherwise all but its last character, which goes with what follows; a single character stands
// alone.
size_t white_space_end(std::string_view text, size_t begin, size_t end) {
  if (end == text.size()) return end;
  const size_t last = end - static_cast<size_t>(code_point_before(text, end).bytes);
  return last > begin ? last : end;
}

size_t match_gpt2(std::string_view text, size_t begin) {
  const char first = text[begin];
  if (first == '\'' && begin + 1 < text.size()) {
    const char a = text[begin + 1];
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return begin + 2;
    if (begin + 2 < text.size()) {
      const char b = text[begin + 2];
      if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l'))
        return begin + 3;
    }
  }
  size_t at = begin;
  if (first == ' ' && begin + 1 < text.size()) ++at;
  const Classified c = classify_at(text, at);
  if (c.char_class != CharClass::kSpace) {
    return run_end(text, at + static_cast<size_t>(c.bytes), c.char_class);
  }
  return white_space_end(text, begin, run_end(text, begin, CharClass::kSpace));
}

// Length of (?i:'s|'t|'re|'ve|'m|'ll|'d) at `begin`, 0 when it is not there. Caseless, U+017F
// counts as s.
size_t contraction_length(std::string_view text, size_t begin) {
  if (text[begin] != '\'' || begin + 1 >= text.size()) return 0;
  const auto lower = [&](size_t at) { return static_cast<char>(text[at] | 0x20); };
  if (text.substr(begin + 1).starts_with("\xC5\xBF")) return 3;
  if (static_cast<unsigned char>(text[begin + 1]) >= 0x80) return 0;
  const char a = lower(begin + 1);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
  if (begin + 2 >= text.size() || static_cast<unsigned char>(text[begin + 2]) >= 0x80) return 0;
  const char b = lower(begin + 2);
  return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

// End of `\s*[\r\n]+|\s+(?!\S)|\s+` for text that is white space at `begin`.
size_t white_space_or_lines_end(std::string_view text, size_t begin) {
  const size_t end = run_end(text, begin, CharClass::kSpace);
  const size_t line_end = text.substr(begin, end - begin).find_last_of("\r\n");
  if (line_end != std::string_view::npos) return begin + line_end + 1;
  return white_space_end(text, begin, end);
}

// The Llama-3 and Qwen2 expressions differ only in how many digits one piece may hold.
template <int kMaxDigits>
size_t match_llama3(std::string_view text, size_t begin) {
  if (const size_t length = contraction_length(text, begin)) return begin + length;
  const char first = text[begin];
  const Classified c = classify_at(text, begin);
  const size_t second = begin + static_cast<size_t>(c.bytes);
  if (c.char_class == CharClass::kLetter) return run_end(text, second, CharClass::kLetter);
  if (c.char_class == CharClass::kNumber) {
    size_t at = second;
    for (int digits = 1; digits < kMaxDigits && at < text.size(); ++digits) {
      const Classified next = classify_at(text, at);
      if (next.char_class != CharClass::kNumber) break;
      at += static_cast<size_t>(next.bytes);
    }
    return at;
  }
  const bool line_break = first == '\r' || first == '\n';
  if (second < text.size() && !line_break) {
    const Classified next = classify_at(text, second);
    if (next.char_class == CharClass::kLetter) {
      return run_end(text, second + static_cast<size_t>(next.bytes), CharClass::kLetter);
    }
    if (c.char_class == CharClass::kSpace &&
        (first != ' ' || next.char_class != CharClass::kOther)) {
      return white_space_or_lines_end(text, begin);
    }
  } else if (c.char_class == CharClass::kSpace) {
    return white_space_or_lines_end(text, begin);
  }
  size_t at = run_end(text, second, CharClass::kOther);
  while (at < text.size() && (text[at] == '\r' || text[at] == '\n')) ++at;
  return at;
}

}  // namespace

PieceMatcher find_known_pattern(std::string_view pattern) {
  if (pattern == kGpt2Pattern) return match_gpt2;
  if (pattern == kLlama3Pattern) return match_llama3<3>;
  if (pattern == kQwen2Pattern) return match_llama3<1>;
  return nullptr;
}

}  // namespace linscan
