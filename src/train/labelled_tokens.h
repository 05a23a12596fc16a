// Labelled texts as token ids.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "linscan/model/model.h"
#include "linscan/text/labelled.h"
#include "linscan/train/classification.h"

namespace linscan {

struct EncodedTexts {
  std::vector<LabelledExample> examples;  // as the records
  int64_t tokens = 0;
  int64_t cut = 0;      // texts that were longer than the context
  int64_t longest = 0;  // tokens of the longest text, before it was cut
};

// Every text with the special tokens that the tokenizer in the model's folder adds. One of more
// than `context` tokens keeps the special tokens before it and its end: the templates ask their
// question there, and the last token is the one that is read. Throws Error(kInput) for a text
// without tokens.
EncodedTexts encode_labelled(const LabelledTexts& texts, const Model& model, int64_t context);

}  // namespace linscan
