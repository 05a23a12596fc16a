#include "report/text.h"

#include <algorithm>
#include <cstdint>

namespace linscan {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct CodePoint {
  uint32_t value;
  size_t bytes;
  bool valid;
};

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// The code point at `text[at]`. An invalid byte is one code point of its own.
CodePoint decode(std::string_view text, size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) {
    return {lead, 1, true};
  }
  const size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + bytes > text.size()) {
    return {lead, 1, false};
  }
  uint32_t value = lead & (0x7Fu >> bytes);
  for (size_t i = 1; i < bytes; ++i) {
    if (!is_continuation(text[at + i])) {
      return {lead, 1, false};
    }
    value = (value << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3F);
  }
  const bool overlong = (bytes == 3 && value < 0x800) || (bytes == 4 && value < 0x10000);
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  return {value,
          overlong || surrogate || value > 0x10FFFF ? 1 : bytes,
          !overlong && !surrogate && value <= 0x10FFFF};
}

// Marks that turn the reading direction: they can make a name look like another one.
bool is_direction_control(uint32_t c) {
  return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x200E || c == 0x200F;
}

bool is_combining(uint32_t c) {
  return (c >= 0x0300 && c <= 0x036F) || (c >= 0x20D0 && c <= 0x20FF) || c == 0x200B ||
         c == 0x200D || (c >= 0xFE00 && c <= 0xFE0F);
}

}  // namespace

std::string clean_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode(text, at);
    if (c.value == '\t' || c.value == '\n' || c.value == '\r') {
      out += ' ';
    } else if (!c.valid || c.value < 0x20 || (c.value >= 0x7F && c.value < 0xA0) ||
               is_direction_control(c.value)) {
      out += kReplacement;
    } else {
      out += text.substr(at, c.bytes);
    }
    at += c.bytes;
  }
  return out;
}

int display_width(std::string_view text) {
  int width = 0;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode(text, at);
    width += is_combining(c.value) ? 0 : 1;
    at += c.bytes;
  }
  return width;
}

std::string pad_left(std::string_view text, int width) {
  const int missing = std::max(0, width - display_width(text));
  return std::string(static_cast<size_t>(missing), ' ') + std::string(text);
}

std::string pad_right(std::string_view text, int width) {
  const int missing = std::max(0, width - display_width(text));
  return std::string(text) + std::string(static_cast<size_t>(missing), ' ');
}

std::vector<std::string> wrap_text(std::string_view text, int width) {
  std::vector<std::string> lines;
  std::string line;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, end - at);
    if (!line.empty() && display_width(line) + 1 + display_width(word) > width) {
      lines.push_back(std::move(line));
      line.clear();
    }
    if (!word.empty()) {
      line += line.empty() ? "" : " ";
      line += word;
    }
    at = end + 1;
  }
  if (!line.empty()) {
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string labelled_text(std::string_view label, std::string_view text, int label_width) {
  constexpr int kWidth = 110;
  std::string out;
  for (const std::string& line : wrap_text(text, kWidth - label_width)) {
    out += pad_right(out.empty() ? label : "", label_width) + line + "\n";
  }
  return out;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    return std::string(text);
  }
  std::string out = "\"";
  for (const char c : text) {
    out += c;
    if (c == '"') {
      out += c;
    }
  }
  return out + '"';
}

std::string markdown_text(std::string_view text) {
  constexpr std::string_view kSpecial = "\\`*_{}[]<>#|~$!";
  std::string out;
  for (const char c : clean_text(text)) {
    if (c == '&') {
      out += "&amp;";
      continue;
    }
    if (kSpecial.find(c) != std::string_view::npos) {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::string markdown_list(std::string_view title, const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) {
    out +=
        (out.empty() ? "## " + std::string(title) + "\n\n- " : "- ") + markdown_text(line) + "\n";
  }
  return out.empty() ? out : out + "\n";
}

std::string join_words(const std::vector<std::string>& words) {
  std::string out;
  for (size_t i = 0; i < words.size(); ++i) {
    out += i == 0 ? "" : i + 1 == words.size() ? " and " : ", ";
    out += words[i];
  }
  return out;
}

std::string last_component(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') {
    path.remove_suffix(1);
  }
  const size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos || path.size() == 1 ? path
                                                                         : path.substr(slash + 1));
}

}  // namespace linscan
