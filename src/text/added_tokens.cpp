#include "text/added_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "text/regex.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace linscan {
namespace {

bool is_word_character(std::string_view character) {
  static const Regex word(fmt::format("[{}]", kRustWordSet), "single_word");
  return word.matches(character);
}

bool ends_with_word(std::string_view text) {
  if (text.empty()) return false;
  const auto bytes = static_cast<size_t>(code_point_before(text, text.size()).bytes);
  return is_word_character(text.substr(text.size() - bytes));
}

bool starts_with_word(std::string_view text) {
  return !text.empty() &&
         is_word_character(text.substr(0, static_cast<size_t>(code_point_at(text, 0).bytes)));
}

size_t skip_spaces_before(std::string_view text, size_t at) {
  while (at > 0) {
    const CodePoint c = code_point_before(text, at);
    if (!is_white_space(c.value)) break;
    at -= static_cast<size_t>(c.bytes);
  }
  return at;
}

size_t skip_spaces_after(std::string_view text, size_t at) {
  while (at < text.size()) {
    const CodePoint c = code_point_at(text, at);
    if (!is_white_space(c.value)) break;
    at += static_cast<size_t>(c.bytes);
  }
  return at;
}

size_t two_bytes(std::string_view text, size_t at) {
  return static_cast<size_t>(static_cast<unsigned char>(text[at])) << 8 |
         static_cast<unsigned char>(text[at + 1]);
}

}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens,
                                     const std::vector<std::string>& patterns)
    : tokens_(std::move(tokens)), nodes_(1) {
  for (size_t i = 0; i < patterns.size(); ++i) {
    if (!patterns[i].empty()) insert(patterns[i], static_cast<int32_t>(i));
  }
  if (nodes_[0].children.size() == 1) only_first_byte_ = nodes_[0].children[0].first;
}

void AddedTokenMatcher::insert(std::string_view pattern, int32_t token) {
  uint32_t at = 0;
  for (const char c : pattern) {
    const auto byte = static_cast<unsigned char>(c);
    auto& children = nodes_[at].children;
    const auto place = std::lower_bound(
        children.begin(), children.end(), byte, [](const auto& child, unsigned char b) {
          return child.first < b;
        });
    if (place != children.end() && place->first == byte) {
      at = place->second;
      continue;
    }
    const auto next = static_cast<uint32_t>(nodes_.size());
    children.insert(place, {byte, next});
    nodes_.emplace_back();
    at = next;
  }
  // Two tokens that look the same after normalisation: the first one is found.
  if (nodes_[at].token < 0) nodes_[at].token = token;
  if (pattern.size() == 1) {
    alone_[static_cast<unsigned char>(pattern[0])] = true;
  } else {
    first_two_.set(two_bytes(pattern, 0));
  }
}

AddedTokenMatcher::Match AddedTokenMatcher::longest_at(std::string_view text, size_t at) const {
  Match best{at, at, nullptr};
  const Node* node = &nodes_[0];
  for (size_t end = at; end < text.size();) {
    const auto byte = static_cast<unsigned char>(text[end]);
    const auto child = std::lower_bound(
        node->children.begin(), node->children.end(), byte, [](const auto& c, unsigned char b) {
          return c.first < b;
        });
    if (child == node->children.end() || child->first != byte) break;
    node = &nodes_[child->second];
    ++end;
    if (node->token >= 0) best = {at, end, &tokens_[static_cast<size_t>(node->token)]};
  }
  return best;
}

AddedTokenMatcher::Match AddedTokenMatcher::find(std::string_view text, size_t from) const {
  for (size_t at = from; at < text.size(); ++at) {
    if (only_first_byte_ >= 0) {
      const void* found = std::memchr(text.data() + at, only_first_byte_, text.size() - at);
      if (found == nullptr) break;
      at = static_cast<size_t>(static_cast<const char*>(found) - text.data());
    }
    const bool possible = alone_[static_cast<unsigned char>(text[at])] ||
                          (at + 1 < text.size() && first_two_.test(two_bytes(text, at)));
    if (!possible) continue;
    const Match match = longest_at(text, at);
    if (match.token != nullptr) return match;
  }
  return {text.size(), text.size(), nullptr};
}

bool AddedTokenMatcher::split(std::string_view text, Visitor visit) const {
  size_t done = 0;
  for (size_t from = 0; !tokens_.empty() && from < text.size();) {
    const Match match = find(text, from);
    if (match.token == nullptr) break;
    const AddedToken& token = *match.token;
    size_t begin = match.begin;
    size_t end = match.end;
    from = match.end;  // what rstrip takes is still searched, as in HF
    if (token.single_word &&
        (ends_with_word(text.substr(0, begin)) || starts_with_word(text.substr(end)))) {
      continue;
    }
    if (token.lstrip) begin = std::max(skip_spaces_before(text, begin), done);
    if (token.rstrip) end = skip_spaces_after(text, end);
    if (done < begin && !visit(done, begin, nullptr)) return false;
    if (!visit(begin, end, &token)) return false;
    done = end;
  }
  return done >= text.size() || visit(done, text.size(), nullptr);
}

}  // namespace linscan
