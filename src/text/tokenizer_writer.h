// Trained pieces as the files of a tokenizer that HF opens.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/text/tokenizer_training.h"

namespace linscan {

struct TrainedPieces {
  TokenizerKind kind = TokenizerKind::kBpe;
  std::vector<std::string> pieces;  // by id: <unk>, <s>, </s>, <0x00> .. <0xFF>, then the others,
                                    // of BPE in the order in which they are merged
  std::vector<double> scores;       // by id; of Unigram log-probabilities
};

// tokenizer.json: what sentencepiece does with these pieces, in the form of HF's Llama tokenizers.
Json format_tokenizer(const TrainedPieces& trained);
// tokenizer_config.json for it.
Json format_tokenizer_config();

}  // namespace linscan
