#include "fuzz/mutator.h"

#include <algorithm>
#include <cstring>

namespace linscan::fuzz {
namespace {

constexpr size_t kMaxBytes = 1 << 16;
constexpr std::string_view kDigits = "0123456789";

// One past the end of the JSON value that starts at `begin`: a string, a bracketed value or a word.
size_t end_of_value(std::string_view text, size_t begin) {
  int depth = 0;
  bool in_string = false;
  for (size_t at = begin; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      at += c == '\\' ? 1 : 0;
      in_string = c != '"';
      if (!in_string && depth == 0) {
        return at + 1;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (--depth <= 0) {
        return depth == 0 ? at + 1 : at;
      }
    } else if (depth == 0 && (c == ',' || c == ':')) {
      return at;
    }
  }
  return text.size();
}

}  // namespace

std::string Mutator::change(std::string text, std::string_view other) {
  for (size_t changes = 1 + below(4); changes > 0; --changes) {
    change_once(text, other);
  }
  if (text.size() > kMaxBytes) {
    text.resize(kMaxBytes);
  }
  return text;
}

void Mutator::change_once(std::string& text, std::string_view other) {
  const size_t at = below(text.size() + 1);
  const size_t bytes = std::min(text.size() - at, below(12));
  switch (below(10)) {
    case 0:
      if (at < text.size()) {
        text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
      }
      break;
    case 1:
      text.erase(at, bytes);
      break;
    case 2:
      text.insert(at, text.substr(below(text.size() + 1), below(24)));
      break;
    case 3:
      text.replace(at, bytes, words_[below(words_.size())]);
      break;
    case 4:
      replace_number(text, at);
      break;
    case 5:
      text.insert(at, 1, static_cast<char>(below(256)));
      break;
    case 6:
      text.resize(below(8) == 0 ? at : text.size());
      break;
    case 7:
      overwrite_binary(text, at);
      break;
    case 8:
      text.insert(at, other.substr(below(other.size() + 1), below(64)));
      break;
    default:
      exchange_values(text, other);
      break;
  }
}

// The next run of digits at or after `at` becomes another number.
void Mutator::replace_number(std::string& text, size_t at) {
  const size_t begin = text.find_first_of(kDigits, at);
  if (begin != std::string::npos) {
    const size_t end = std::min(text.find_first_not_of(kDigits, begin), text.size());
    const uint64_t number = below(4) == 0 ? random_.next() >> below(64) : below(40);
    text.replace(begin, end - begin, std::to_string(number));
  }
}

// One, two, four or eight bytes become a number at the edge of something.
void Mutator::overwrite_binary(std::string& text, size_t at) {
  const size_t width = size_t{1} << below(4);
  if (at + width > text.size()) {
    return;
  }
  const uint64_t edges[] = {0,
                            1,
                            UINT64_MAX,
                            INT64_MAX,
                            0xffffffff,
                            INT32_MAX,
                            text.size(),
                            at,
                            at + 1,
                            uint64_t{1} << below(64)};
  const uint64_t number = edges[below(std::size(edges))] + below(3) - 1;
  std::memcpy(text.data() + at, &number, width);
}

std::string_view Mutator::pick_value(std::string_view text) {
  const size_t begin = text.find_first_of("{[\"-0123456789tfn", below(text.size() + 1));
  return begin == std::string_view::npos ? std::string_view()
                                         : text.substr(begin, end_of_value(text, begin) - begin);
}

void Mutator::exchange_values(std::string& text, std::string_view other) {
  const std::string_view old = pick_value(text);
  const std::string replacement(pick_value(below(2) == 0 ? std::string_view(text) : other));
  if (!old.empty()) {
    text.replace(static_cast<size_t>(old.data() - text.data()), old.size(), replacement);
  }
}

}  // namespace linscan::fuzz
