// What stands in the "model" place of a tokenizer.json: turns one piece into ids.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/word_cache.h"

namespace linscan {

// The best way to spell the bytes up to here with tokens (Unigram).
struct BestPath {
  double score;
  uint32_t begin;  // of its last token
  int32_t id;      // of its last token
};

// What one thread needs while it encodes; reused from call to call, by one model only.
struct ModelScratch {
  WordCache cache;
  // BPE
  std::vector<int32_t> symbols;
  std::vector<uint32_t> ranks;
  std::vector<uint32_t> next;
  std::vector<uint32_t> previous;
  std::vector<uint64_t> heap;
  // Unigram
  std::vector<BestPath> paths;
};

class PieceModel {
 public:
  virtual ~PieceModel() = default;
  // Appends the ids of `piece` (not empty, valid UTF-8 unless the model takes raw bytes) to `out`.
  // Thread-safe with a scratch per thread.
  virtual void encode(std::string_view piece,
                      ModelScratch& scratch,
                      std::vector<int32_t>& out) const = 0;
};

}  // namespace linscan
