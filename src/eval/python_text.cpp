#include "eval/python_text.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "text/unicode.h"
#include "text/utf8.h"

namespace linscan::python {
namespace {

// White_Space of Unicode, and the four separators of ASCII, which str.isspace counts too.
bool is_space(char32_t c) {
  return is_white_space(c) || (c >= 0x1C && c <= 0x1F);
}

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

bool is_cased(char32_t c) {
  const utf8proc_category_t group = category(c);
  return group == UTF8PROC_CATEGORY_LU || group == UTF8PROC_CATEGORY_LL ||
         group == UTF8PROC_CATEGORY_LT;
}

// Unicode's Case_Ignorable: what may stand within a word without ending it.
bool is_case_ignorable(char32_t c) {
  constexpr std::array<char32_t, 15> kWithinWords{0x27,
                                                  0x2E,
                                                  0x3A,
                                                  0xB7,
                                                  0x387,
                                                  0x55F,
                                                  0x5F4,
                                                  0x2018,
                                                  0x2019,
                                                  0x2024,
                                                  0x2027,
                                                  0xFE13,
                                                  0xFE52,
                                                  0xFE55,
                                                  0xFF07};
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return std::ranges::find(kWithinWords, c) != kWithinWords.end();
  }
}

// Whether the sigma at text[at] ends a word: a cased letter before it, none behind it.
bool is_final_sigma(std::string_view text, size_t at, int bytes) {
  bool before = false;
  for (size_t end = at; end > 0;) {
    const CodePoint point = code_point_before(text, end);
    end -= static_cast<size_t>(point.bytes);
    if (!is_case_ignorable(point.value)) {
      before = is_cased(point.value);
      break;
    }
  }
  for (size_t next = at + static_cast<size_t>(bytes); before && next < text.size();) {
    const CodePoint point = code_point_at(text, next);
    next += static_cast<size_t>(point.bytes);
    if (!is_case_ignorable(point.value)) {
      return !is_cased(point.value);
    }
  }
  return before;
}

// Characters that become several in title case (SpecialCasing.txt of Unicode).
struct LongTitle {
  char32_t from;
  std::string_view to;
};
constexpr LongTitle kLongTitles[] = {{0xDF, "Ss"},
                                     {0x149, "\u02BCN"},
                                     {0x1F0, "J\u030C"},
                                     {0x390, "\u0399\u0308\u0301"},
                                     {0x3B0, "\u03A5\u0308\u0301"},
                                     {0x587, "\u0535\u0582"},
                                     {0x1E96, "H\u0331"},
                                     {0x1E97, "T\u0308"},
                                     {0x1E98, "W\u030A"},
                                     {0x1E99, "Y\u030A"},
                                     {0x1E9A, "A\u02BE"},
                                     {0x1F50, "\u03A5\u0313"},
                                     {0x1F52, "\u03A5\u0313\u0300"},
                                     {0x1F54, "\u03A5\u0313\u0301"},
                                     {0x1F56, "\u03A5\u0313\u0342"},
                                     {0x1FB2, "\u1FBA\u0345"},
                                     {0x1FB4, "\u0386\u0345"},
                                     {0x1FB6, "\u0391\u0342"},
                                     {0x1FB7, "\u0391\u0342\u0345"},
                                     {0x1FC2, "\u1FCA\u0345"},
                                     {0x1FC4, "\u0389\u0345"},
                                     {0x1FC6, "\u0397\u0342"},
                                     {0x1FC7, "\u0397\u0342\u0345"},
                                     {0x1FD2, "\u0399\u0308\u0300"},
                                     {0x1FD3, "\u0399\u0308\u0301"},
                                     {0x1FD6, "\u0399\u0342"},
                                     {0x1FD7, "\u0399\u0308\u0342"},
                                     {0x1FE2, "\u03A5\u0308\u0300"},
                                     {0x1FE3, "\u03A5\u0308\u0301"},
                                     {0x1FE4, "\u03A1\u0313"},
                                     {0x1FE6, "\u03A5\u0342"},
                                     {0x1FE7, "\u03A5\u0308\u0342"},
                                     {0x1FF2, "\u1FFA\u0345"},
                                     {0x1FF4, "\u038F\u0345"},
                                     {0x1FF6, "\u03A9\u0342"},
                                     {0x1FF7, "\u03A9\u0342\u0345"},
                                     {0xFB00, "Ff"},
                                     {0xFB01, "Fi"},
                                     {0xFB02, "Fl"},
                                     {0xFB03, "Ffi"},
                                     {0xFB04, "Ffl"},
                                     {0xFB05, "St"},
                                     {0xFB06, "St"},
                                     {0xFB13, "\u0544\u0576"},
                                     {0xFB14, "\u0544\u0565"},
                                     {0xFB15, "\u0544\u056B"},
                                     {0xFB16, "\u054E\u0576"},
                                     {0xFB17, "\u0544\u056D"}};

void append_title(std::string& out, char32_t c) {
  const auto special = std::ranges::find(kLongTitles, c, &LongTitle::from);
  if (special != std::end(kLongTitles)) {
    out += special->to;
  } else {
    append_utf8(out, static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c))));
  }
}

void append_lower(std::string& out, std::string_view text, size_t at, CodePoint point) {
  constexpr char32_t kDottedI = 0x130;
  constexpr char32_t kSigma = 0x3A3;
  if (point.value == kDottedI) {
    out += "i\u0307";
  } else if (point.value == kSigma) {
    append_utf8(out, is_final_sigma(text, at, point.bytes) ? 0x3C2 : 0x3C3);
  } else {
    append_utf8(
        out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(point.value))));
  }
}

std::string lower_from(std::string_view text, size_t begin, std::string out) {
  for (size_t at = begin; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    append_lower(out, text, at, point);
    at += static_cast<size_t>(point.bytes);
  }
  return out;
}

size_t first_bytes(std::string_view text) {
  return static_cast<size_t>(code_point_at(text, 0).bytes);
}

}  // namespace

std::string_view rstrip(std::string_view text) {
  while (!text.empty()) {
    const CodePoint last = code_point_before(text, text.size());
    if (!is_space(last.value)) break;
    text.remove_suffix(static_cast<size_t>(last.bytes));
  }
  return text;
}

std::string_view strip(std::string_view text) {
  text = rstrip(text);
  while (!text.empty()) {
    const CodePoint first = code_point_at(text, 0);
    if (!is_space(first.value)) break;
    text.remove_prefix(static_cast<size_t>(first.bytes));
  }
  return text;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> words;
  size_t begin = std::string_view::npos;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    if (is_space(point.value)) {
      if (begin != std::string_view::npos) words.push_back(text.substr(begin, at - begin));
      begin = std::string_view::npos;
    } else if (begin == std::string_view::npos) {
      begin = at;
    }
    at += static_cast<size_t>(point.bytes);
  }
  if (begin != std::string_view::npos) words.push_back(text.substr(begin));
  return words;
}

int64_t count_pieces(std::string_view text) {
  int64_t runs = 0;
  bool in_run = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    const bool space = is_space(point.value);
    runs += space && !in_run ? 1 : 0;
    in_run = space;
    at += static_cast<size_t>(point.bytes);
  }
  return runs + 1;
}

std::string_view slice(std::string_view text, int64_t begin, int64_t end) {
  const auto skip = [&](size_t at, int64_t characters) {
    while (characters > 0 && at < text.size()) {
      at += static_cast<size_t>(code_point_at(text, at).bytes);
      --characters;
    }
    return at;
  };
  if (end <= begin) return {};
  const size_t from = skip(0, begin);
  return text.substr(from, skip(from, end - begin) - from);
}

std::string lower(std::string_view text) {
  return lower_from(text, 0, "");
}

std::string capitalize(std::string_view text) {
  if (text.empty()) return "";
  const CodePoint first = code_point_at(text, 0);
  std::string out;
  append_title(out, first.value);
  return lower_from(text, static_cast<size_t>(first.bytes), std::move(out));
}

std::string lower_first(std::string_view text) {
  if (text.empty()) return "";
  return lower(text.substr(0, first_bytes(text))) + std::string(text.substr(first_bytes(text)));
}

std::string upper_first(std::string_view text) {
  if (text.empty()) return "";
  const auto first = static_cast<utf8proc_int32_t>(code_point_at(text, 0).value);
  std::string out;
  append_utf8(out, static_cast<char32_t>(utf8proc_toupper(first)));
  return out.append(text.substr(first_bytes(text)));
}

bool starts_lower(std::string_view text) {
  return !text.empty() && category(code_point_at(text, 0).value) == UTF8PROC_CATEGORY_LL;
}

bool is_word_character(char32_t c) {
  const CharClass kind = classify(c);
  return c == U'_' || kind == CharClass::kLetter || kind == CharClass::kNumber;
}

std::string replace(std::string text, std::string_view from, std::string_view to) {
  std::string out;
  size_t at = 0;
  for (size_t hit = text.find(from); hit != std::string::npos; hit = text.find(from, at)) {
    out.append(text, at, hit - at).append(to);
    at = hit + from.size();
  }
  return out.append(text, at);
}

}  // namespace linscan::python
