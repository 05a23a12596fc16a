// Which rows of a batch attend to which: BatchLayout of block.h.
#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "linscan/model/block.h"

namespace linscan {
namespace {

struct Rows {
  int64_t begin;
  int64_t end;
};

// The rows of a window's prefixes, the first tokens first.
std::vector<Rows> rows_before(int64_t window,
                              const std::vector<int64_t>& prefixes,
                              const std::vector<Rows>& own) {
  std::vector<Rows> chain;
  for (int64_t at = prefixes[static_cast<size_t>(window)]; at != BatchLayout::kNoPrefix;
       at = prefixes[static_cast<size_t>(at)]) {
    chain.push_back(own[static_cast<size_t>(at)]);
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

}  // namespace

BatchLayout::BatchLayout(std::vector<int64_t> lengths)
    : BatchLayout(lengths, std::vector<int64_t>(lengths.size(), kNoPrefix)) {}

BatchLayout::BatchLayout(std::vector<int64_t> lengths, const std::vector<int64_t>& prefixes)
    : lengths_(std::move(lengths)) {
  TORCH_CHECK(lengths_.size() == prefixes.size(), "a prefix or none for every window");
  std::vector<Rows> own;
  std::vector<int64_t> before;  // tokens before each window
  std::vector<std::vector<int64_t>> keys;
  for (size_t w = 0; w < lengths_.size(); ++w) {
    const int64_t prefix = prefixes[w];
    TORCH_CHECK(prefix == kNoPrefix || (prefix >= 0 && prefix < static_cast<int64_t>(w)),
                "a window continues one before it");
    before.push_back(prefix == kNoPrefix ? 0
                                         : before[static_cast<size_t>(prefix)] +
                                               lengths_[static_cast<size_t>(prefix)]);
    own.push_back({rows_, rows_ + lengths_[w]});
    if (runs_.empty() || runs_.back().length != lengths_[w] || runs_.back().prefix != before[w]) {
      runs_.push_back({rows_, 0, lengths_[w], before[w], {}});
      keys.emplace_back();
    }
    ++runs_.back().windows;
    rows_ += lengths_[w];
    if (before[w] > 0) {
      std::vector<Rows> seen = rows_before(static_cast<int64_t>(w), prefixes, own);
      seen.push_back(own.back());
      for (const Rows& rows : seen) {
        for (int64_t row = rows.begin; row < rows.end; ++row) keys.back().push_back(row);
      }
    }
  }
  for (size_t run = 0; run < runs_.size(); ++run) {
    if (runs_[run].prefix > 0) {
      runs_[run].keys = at::tensor(keys[run], at::kLong);
      has_prefixes_ = true;
    }
  }
}

BatchLayout BatchLayout::to(at::Device device) const {
  BatchLayout moved = *this;
  for (Run& run : moved.runs_) {
    if (run.keys.defined()) run.keys = run.keys.to(device);
  }
  return moved;
}

}  // namespace linscan
