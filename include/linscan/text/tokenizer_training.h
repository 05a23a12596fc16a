// A tokenizer trained on texts with sentencepiece, written as a folder that this library and HF
// open alike.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace linscan {

enum class TokenizerKind { kBpe, kUnigram };

// "bpe" or "unigram"; throws Error(kUsage) for another name.
TokenizerKind parse_tokenizer_kind(std::string_view name);

struct TokenizerTraining {
  std::vector<std::filesystem::path> inputs;  // texts, as CorpusReader takes them
  std::string text_field = "text";
  std::string document_separator;  // of .txt files, see CorpusReader
  int64_t vocabulary = 0;          // tokens in all: <unk>, <s>, </s>, 256 bytes, pieces
  TokenizerKind kind = TokenizerKind::kBpe;
  double character_coverage = 0.9999;  // share of the text whose characters become tokens
  bool split_digits = true;            // every digit is a token of its own
  // Where the inputs hold more text than this, lines are drawn from all of it, each with the same
  // chance.
  int64_t sample_bytes = int64_t{256} << 20;
  uint64_t seed = 0;  // of that draw; the training itself has no randomness
};

// Trains and writes `folder` (absent, or empty unless `force`): tokenizer.json, the same as
// tokenizer.model, and tokenizer_config.json. A Llama-style tokenizer: ids 0 <unk>, 1 <s>, 2 </s>,
// then <0x00> .. <0xFF>, then pieces; a space is put before a text, spaces are U+2581, runs of
// spaces are kept, what no piece covers is spelled in bytes, <s> is put before a text. The same
// bytes for the same inputs on one version of sentencepiece. One thread; a signal takes effect
// when the library is done. Throws Error (usage, input): too little text for the vocabulary, a
// vocabulary too small for the characters, both with the numbers.
void train_tokenizer(const TokenizerTraining& training,
                     const std::filesystem::path& folder,
                     bool force = false);

}  // namespace linscan
