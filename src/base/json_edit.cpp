#include "linscan/base/json_edit.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "linscan/base/error.h"

namespace linscan {
namespace {

// One `"key": value` of an object's text. The pieces and the commas and braces between them are the
// whole text.
struct Member {
  std::string_view before;   // white space in front of the key
  std::string_view key;      // in its quotes
  std::string_view between;  // the colon and the white space around it
  std::string_view value;
  std::string_view after;  // white space in front of the comma or brace
};

// Cuts the text of an object into its members. The text has been parsed before, so only its borders
// are looked for.
class MemberScanner {
 public:
  explicit MemberScanner(std::string_view object) : text_(object) {}

  std::vector<Member> scan() {
    std::vector<Member> members;
    at_ = 1;  // behind the brace
    for (;;) {
      const std::string_view before = take([this] { skip_space(); });
      if (text_[at_] == '}') {
        return members;
      }
      const std::string_view key = take([this] { skip_string(); });
      const std::string_view between = take([this] {
        skip_space();
        ++at_;
        skip_space();
      });
      const std::string_view value = take([this] { skip_value(); });
      const std::string_view after = take([this] { skip_space(); });
      members.push_back({before, key, between, value, after});
      if (text_[at_] == '}') {
        return members;
      }
      ++at_;  // the comma
    }
  }

 private:
  template <typename Skip>
  std::string_view take(Skip skip) {
    const size_t begin = at_;
    skip();
    return text_.substr(begin, at_ - begin);
  }
  void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\n\r", at_), text_.size()); }
  void skip_string() {
    for (++at_; text_[at_] != '"'; ++at_) {
      at_ += text_[at_] == '\\' ? 1 : 0;
    }
    ++at_;
  }
  void skip_value() {
    int depth = 0;
    do {
      const char c = text_[at_];
      if (c == '"') {
        skip_string();
      } else {
        depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
        ++at_;
      }
    } while (depth > 0 || !is_end_of_value(text_[at_]));
  }
  static bool is_end_of_value(char c) {
    return std::string_view(",}] \t\n\r").find(c) != std::string_view::npos;
  }

  std::string_view text_;
  size_t at_ = 0;
};

// How the members of one object are set: `before` is the white space in front of each.
struct Style {
  std::string before;
  std::string between;
  int depth = 1;  // objects around a member

  // The style one object further in.
  Style inner() const { return {before + std::string(unit(), indent_char()), between, depth + 1}; }
  size_t width() const { return before.size() - (before.rfind('\n') + 1); }
  bool has_lines() const { return before.find('\n') != std::string::npos; }
  size_t unit() const { return has_lines() ? width() / static_cast<size_t>(depth) : 0; }
  char indent_char() const { return before.ends_with('\t') ? '\t' : ' '; }

  std::string format(const Json& value) const {
    if (!has_lines()) {
      return value.dump();
    }
    std::string out;
    for (const char c : value.dump(static_cast<int>(unit()), indent_char())) {
      out += c;
      if (c == '\n') {  // never inside a string: there it is escaped
        out.append(width(), indent_char());
      }
    }
    return out;
  }
};

bool is_same(const Json& a, const Json& b) {
  return a.dump() == b.dump();  // 1 and 1.0 differ
}

std::string edit_object(std::string_view text, const Json& is, const Json& wanted, Style style) {
  const std::vector<Member> members = MemberScanner(text).scan();
  if (!members.empty()) {
    style.before = members.front().before;
    style.between = members.front().between;
  }
  std::map<std::string_view, const Json*>
      open;  // what `wanted` has and the text did not have so far
  for (const auto& [key, value] : wanted.items()) {
    open.emplace(key, &value);
  }
  std::vector<std::string> pieces;
  auto current = is.items().begin();
  for (const Member& member : members) {
    const std::string& key = current.key();
    const Json& old_value = current.value();
    ++current;
    const auto found = open.find(key);
    if (found == open.end()) {
      continue;
    }
    const Json& new_value = *found->second;
    open.erase(found);
    std::string value(member.value);
    if (old_value.is_object() && new_value.is_object()) {
      value = edit_object(member.value, old_value, new_value, style.inner());
    } else if (!is_same(old_value, new_value)) {
      value = style.format(new_value);
    }
    const bool is_last = &member == &members.back();
    pieces.push_back(fmt::format("{}{}{}{}{}",
                                 member.before,
                                 member.key,
                                 member.between,
                                 value,
                                 is_last ? std::string_view() : member.after));
  }
  for (const auto& [key, value] : wanted.items()) {
    if (open.contains(key)) {
      pieces.push_back(style.before + Json(key).dump() + style.between + style.format(value));
    }
  }
  if (members.empty() && pieces.empty()) {
    return std::string(text);
  }
  std::string end;  // in front of the closing brace
  if (!members.empty()) {
    end = members.back().after;
  } else if (!pieces.empty() && style.has_lines()) {
    end = style.before.substr(0, style.before.size() - style.unit());
  }
  return fmt::format("{{{}{}}}", fmt::join(pieces, ","), end);
}

}  // namespace

std::string edit_json(std::string_view text, const Json& wanted, std::string_view what) {
  const Json is = parse_json(text, what);
  LINSCAN_CHECK(is.is_object() && wanted.is_object(),
                kInput,
                "{}: is a JSON {}, expected an object",
                what,
                is.is_object() ? wanted.type_name() : is.type_name());
  const size_t begin = text.find('{');
  const size_t end = text.rfind('}') + 1;
  std::string out(text.substr(0, begin));
  out += edit_object(text.substr(begin, end - begin), is, wanted, {"\n  ", ": ", 1});
  out += text.substr(end);
  // Sorted by key: only the order may differ from `wanted`.
  LINSCAN_CHECK(nlohmann::json::parse(out) == nlohmann::json::parse(wanted.dump()),
                kInternal,
                "{}: the edited text does not say what it should",
                what);
  return out;
}

}  // namespace linscan
