// Reads a tokenizer.json: the vocabulary and the merges straight into their tables (they hold
// hundreds of thousands of entries), everything else as JSON for the components.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "linscan/base/json.h"
#include "text/vocabulary.h"

namespace linscan {

struct TokenizerFile {
  Json rest;  // the document without model.vocab and model.merges
  Vocabulary vocabulary;
  std::vector<std::pair<std::string, std::string>> merges;
  std::vector<double> scores;   // by id, when the vocabulary is a list of [token, score]
  bool has_vocabulary = false;  // an object of token to id
  bool has_merges = false;
  bool has_scores = false;
};

// `what` names the source in errors. Refuses invalid JSON and UTF-8, deep nesting, repeated keys,
// wrong types.
TokenizerFile parse_tokenizer_file(std::string_view text, const std::string& what);

// A vocab.json: one object of token to id.
Vocabulary parse_vocabulary_file(std::string_view text, const std::string& what);

// A merges.txt: one "left right" a line, an optional first line "#version: ..".
std::vector<std::pair<std::string, std::string>> parse_merges_file(std::string_view text,
                                                                   const std::string& what);

}  // namespace linscan
