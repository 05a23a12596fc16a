// Strings to requests, token for token as lm-evaluation-harness makes them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/eval/request.h"
#include "linscan/text/tokenizer.h"

namespace linscan {

// Holds the tokenizer of one model. Not for several threads at once.
class PromptEncoder {
 public:
  // max_length  the longest input of the model in tokens; vocabulary_size  its ids are below this.
  PromptEncoder(const std::filesystem::path& folder, int64_t max_length, int64_t vocabulary_size);

  // Context and continuation, encoded together and cut behind as many tokens as the context alone
  // has: the model is fed the context's own tokens and then the rest. Whitespace at the end of the
  // context counts to the continuation; an empty context is the prefix token. What is too long
  // loses its first tokens. `where` names the item in errors: a continuation that merges wholly
  // into the context or is longer than the model's input.
  ScoreRequest encode_pair(std::string_view context,
                           std::string_view continuation,
                           const std::string& where);

  // With the special tokens that the tokenizer adds by itself; without them where the text begins
  // with the prefix token spelled out.
  std::vector<int32_t> encode(std::string_view text) const;
  std::vector<int32_t> encode_plain(std::string_view text) const;

  // What stands before a text of its own: BOS, or EOS for a tokenizer without BOS. Throws
  // Error(kInput) where it has neither.
  int32_t prefix() const;

  int64_t max_length() const { return max_length_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  std::vector<int32_t> checked(std::vector<int32_t> ids) const;

  Tokenizer tokenizer_;
  std::optional<int32_t> prefix_;
  std::string prefix_text_;
  int64_t max_length_;
  int64_t vocabulary_size_;
  // The choices of an item share its context.
  std::string last_context_;
  std::vector<int32_t> last_context_ids_;
};

}  // namespace linscan
