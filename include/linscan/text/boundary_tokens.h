// The tokens that begin and end a text, by name: what stands before a text of its own when its
// probability is asked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "linscan/text/tokenizer.h"

namespace linscan {

struct BoundaryTokens {
  std::optional<int32_t> bos;
  std::optional<int32_t> eos;
  std::string bos_text;  // empty without BOS
};

// The "bos_token" and "eos_token" of a checkpoint folder: what tokenizer_config.json or
// special_tokens_map.json name (null: none), else what the tokenizer's class in HF has by itself. A
// token that the vocabulary lacks does not exist. Whether a tokenizer puts them around a text is
// another matter (Tokenizer::encode).
BoundaryTokens read_boundary_tokens(const std::filesystem::path& folder,
                                    const Tokenizer& tokenizer);

}  // namespace linscan
