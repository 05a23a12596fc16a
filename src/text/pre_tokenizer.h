// The "pre_tokenizer" of a tokenizer.json: cuts text into the pieces that the model then encodes
// one by one.
#pragma once

#include <memory>
#include <string_view>

#include "text/function_ref.h"
#include "text/json_node.h"

namespace linscan {

// Receives a piece; valid during the call only. `at_start`: the piece begins where the original
// text begins. Return false to stop.
using PieceSink = FunctionRef<bool(std::string_view piece, bool at_start)>;

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Pieces of `text` (valid UTF-8) in order. False when the sink stopped it.
  virtual bool split(std::string_view text, bool at_start, PieceSink emit) const = 0;
};

struct ParsedPreTokenizer {
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  // The last step is ByteLevel and its byte-to-character map was left to the model: pieces are raw
  // bytes.
  bool raw_bytes = false;
};

// ByteLevel, Metaspace, Split, Digits, Punctuation, Whitespace, WhitespaceSplit, CharDelimiterSplit
// and Sequence of those; other types are refused by name. `model_takes_bytes`: the model can work
// on the raw bytes of a final ByteLevel step.
ParsedPreTokenizer parse_pre_tokenizer(const JsonNode& node, bool model_takes_bytes);

// What `split` does with one regular expression, every match a piece of its own (vocab.json +
// merges.txt folders).
std::unique_ptr<PreTokenizer> make_regex_pre_tokenizer(std::string_view expression,
                                                       bool add_prefix_space);

}  // namespace linscan
