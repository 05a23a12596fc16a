// A sample of a text's lines that fits into memory.
#pragma once

#include <cstdint>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/random.h"

namespace linscan {

// Keeps all lines while they fit into `budget` bytes, else those with the smallest of random
// numbers: a sample without replacement in which every line has the same chance. The same seed
// and lines give the same sample.
class LineSample {
 public:
  LineSample(int64_t budget, uint64_t seed) : budget_(budget), random_(seed) {}

  void add(std::string_view line);
  // In the order in which they were added. Call once.
  std::vector<std::string> take();

 private:
  struct Drawn {
    uint64_t number;
    int64_t place;
    std::string line;

    bool operator<(const Drawn& other) const { return number < other.number; }
  };

  int64_t budget_;
  Random random_;
  int64_t lines_ = 0;
  int64_t bytes_ = 0;
  uint64_t limit_ = UINT64_MAX;  // numbers from here on have been dropped before
  std::priority_queue<Drawn> kept_;
};

}  // namespace linscan
