// The "post_processor" of a tokenizer.json: which special tokens stand around the ids of a text.
#pragma once

#include <cstdint>
#include <vector>

#include "text/json_node.h"

namespace linscan {

// Ids before and behind the ids of the text itself.
struct SpecialTokens {
  std::vector<int32_t> before;
  std::vector<int32_t> after;
};

// TemplateProcessing, RobertaProcessing, BertProcessing, ByteLevel (adds nothing) and Sequence of
// those; other types are refused by name.
SpecialTokens parse_post_processor(const JsonNode& node);

}  // namespace linscan
