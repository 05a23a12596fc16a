#include "linscan/text/window_order.h"

#include <cmath>

#include "linscan/base/error.h"
#include "linscan/base/random.h"

namespace linscan {
namespace {

constexpr int kRounds = 8;

// A number that depends on all of its arguments.
uint64_t mix(uint64_t key, uint64_t round, uint64_t value) {
  return Random(Random(key + round).next() ^ value).next();
}

}  // namespace

WindowOrder::WindowOrder(TokenRange range, int64_t context, uint64_t seed)
    : range_(range), context_(context), seed_(seed) {
  LINSCAN_CHECK(
      context > 0, kUsage, "the length of a training window must be at least 1, got {}", context);
  LINSCAN_CHECK(range.first >= 0 && range.tokens > context,
                kInput,
                "{} tokens are too few for one window; windows of length {} need {}",
                range.tokens,
                context,
                context + 1);
  windows_ = (range.tokens - 1) / context;
  const auto count = static_cast<uint64_t>(windows_);
  rows_ = static_cast<uint64_t>(std::sqrt(static_cast<double>(count)));
  while (rows_ * rows_ < count) ++rows_;
  columns_ = (count + rows_ - 1) / rows_;
}

int64_t WindowOrder::window(int64_t index) const {
  LINSCAN_CHECK(index >= 0, kInternal, "window {} was asked for", index);
  return in_order(permuted(index % windows_, index / windows_));
}

int64_t WindowOrder::in_order(int64_t index) const {
  LINSCAN_CHECK(
      index >= 0 && index < windows_, kInternal, "window {} of {} was asked for", index, windows_);
  return range_.first + index * context_;
}

// A Feistel network over a table of rows_ x columns_ places; a place behind the last window goes
// through it again until it comes out as a window (Black and Rogaway 2002, "Ciphers with arbitrary
// finite domains"). Nothing is stored, and any index costs the same.
int64_t WindowOrder::permuted(int64_t position, int64_t epoch) const {
  const uint64_t key = mix(seed_, 0, static_cast<uint64_t>(epoch));
  auto place = static_cast<uint64_t>(position);
  do {
    uint64_t row = place / columns_;
    uint64_t column = place % columns_;
    for (uint64_t round = 1; round <= kRounds; round += 2) {
      row = (row + mix(key, round, column) % rows_) % rows_;
      column = (column + mix(key, round + 1, row) % columns_) % columns_;
    }
    place = row * columns_ + column;
  } while (place >= static_cast<uint64_t>(windows_));
  return static_cast<int64_t>(place);
}

}  // namespace linscan
