// The "decoder" of a tokenizer.json: token strings back to text.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/json_node.h"

namespace linscan {

class Decoder {
 public:
  virtual ~Decoder() = default;
  // Rewrites the token strings; the text is their concatenation.
  virtual void apply(std::vector<std::string>& tokens) const = 0;
};

// ByteLevel, Replace, ByteFallback, Fuse, Strip, Metaspace and Sequence of those; other types are
// refused by name.
std::unique_ptr<Decoder> parse_decoder(const JsonNode& node);

std::unique_ptr<Decoder> make_byte_level_decoder();

}  // namespace linscan
