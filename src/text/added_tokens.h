// Added tokens (<|endoftext|>, runs of spaces): cut out of the text before anything else sees it.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/function_ref.h"

namespace linscan {

struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the white space before it too
  bool rstrip = false;       // takes the white space behind it too
  bool normalized = false;   // looked for in normalised text, itself normalised
  bool special = false;
};

// Finds the leftmost, then longest added token, as HF does with Aho-Corasick.
class AddedTokenMatcher {
 public:
  // `patterns[i]` is what tokens[i] looks like in the text that will be searched; empty ones are
  // never found.
  AddedTokenMatcher(std::vector<AddedToken> tokens, const std::vector<std::string>& patterns);

  bool empty() const { return tokens_.empty(); }

  // Text between tokens: visit(begin, end, nullptr); a token: visit(begin, end, &token). Empty
  // stretches are left out. False when the visitor stopped it.
  using Visitor = FunctionRef<bool(size_t begin, size_t end, const AddedToken* token)>;
  bool split(std::string_view text, Visitor visit) const;

 private:
  struct Node {
    std::vector<std::pair<unsigned char, uint32_t>> children;  // sorted by byte
    int32_t token = -1;
  };
  struct Match {
    size_t begin;
    size_t end;
    const AddedToken* token;
  };

  void insert(std::string_view pattern, int32_t token);
  // The longest token that starts at `at`; token == nullptr when none does.
  Match longest_at(std::string_view text, size_t at) const;
  Match find(std::string_view text, size_t from) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_;
  std::bitset<65536> first_two_;   // some pattern starts with these two bytes
  std::array<bool, 256> alone_{};  // some pattern is this one byte
  int only_first_byte_ = -1;       // the first byte that all patterns share, if they do
};

}  // namespace linscan
