// The order in which training sees its windows: a function of a seed and a counter, so that a run
// that goes on needs to remember nothing else.
#pragma once

#include <cstdint>

#include "linscan/text/shards.h"

namespace linscan {

// A stretch of the stream is cut into windows of context + 1 tokens that overlap by one, so that
// every token but the first is predicted once an epoch; what is left at the end (fewer than context
// tokens) is not used. Every epoch is another permutation of all windows.
class WindowOrder {
 public:
  // Throws Error(kInput) for a range of less than context + 1 tokens.
  WindowOrder(TokenRange range, int64_t context, uint64_t seed);

  int64_t windows() const { return windows_; }  // of an epoch
  int64_t window_tokens() const { return context_ + 1; }
  int64_t epoch(int64_t index) const { return index / windows_; }

  // First token of the `index`-th window of the training, index >= 0: window index % windows() of
  // epoch index / windows(). The same on every platform.
  int64_t window(int64_t index) const;
  // First token of a window in the order of the stream, 0 <= index < windows(): for evaluation.
  int64_t in_order(int64_t index) const;

 private:
  int64_t permuted(int64_t position, int64_t epoch) const;

  TokenRange range_;
  int64_t context_;
  uint64_t seed_;
  int64_t windows_;
  uint64_t rows_;  // rows_ * columns_ >= windows_, both about its root
  uint64_t columns_;
};

}  // namespace linscan
