// The "normalizer" of a tokenizer.json: rewrites text before anything is cut.
#pragma once

#include <memory>
#include <string>

#include "text/json_node.h"

namespace linscan {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // `text` is valid UTF-8 and stays so. False when its beginning was taken off, or was a match of
  // several characters that were replaced: what is left does not begin where the text began.
  virtual bool apply(std::string& text) const = 0;
};

// NFC, NFD, NFKC, NFKD, Nmt, Precompiled, Prepend, Replace, Lowercase, Strip, ByteLevel and
// Sequence of those; other types are refused by name.
std::unique_ptr<Normalizer> parse_normalizer(const JsonNode& node);

enum class UnicodeForm { kNfc, kNfd, kNfkc, kNfkd };
std::unique_ptr<Normalizer> make_unicode_normalizer(UnicodeForm form);

}  // namespace linscan
