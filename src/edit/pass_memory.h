// What a pass over some of the plans will hold, before it starts: which streams, inputs of fits and
// blocks are alive at each block.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "linscan/edit/variants.h"

namespace linscan {

// How plans are cut into passes.
struct PassDivision {
  size_t at_once = 1;  // plans in one pass
  bool spill = false;  // streams are kept in files
};

class PassMemory {
 public:
  // `plans` are valid for the model, which must outlive this.
  PassMemory(const Model& model,
             const EditData& data,
             std::span<const EditPlan> plans,
             const VariantOptions& options);

  // Bytes that a pass over `count` plans from `first` on takes at most, this process included.
  int64_t bytes(size_t first, size_t count, bool spill) const;

  // As many plans at once as `limit` bytes allow. Where not even one fits, streams go to files.
  PassDivision divide(int64_t limit) const;

 private:
  // A stream that a plan holds between two blocks. Plans that did the same so far hold the same.
  struct Held {
    int64_t origin;  // what was done before it, as a number
    int64_t block;   // it stands before this block
    bool own;        // pushed on through a span, for target kOwn
    bool fit_rows;   // its fitted rows are there too, not only the measured ones

    auto operator<=>(const Held&) const = default;
  };
  // A span that a fit closes, and what it reads.
  struct Span {
    int64_t origin;
    int64_t carrier;
    Method method;
    int64_t end;
    int64_t columns;
  };
  struct Trace {
    std::vector<std::vector<Held>> held;  // by boundary: before block 0 .. after the last
    std::vector<Span> spans;
  };

  int64_t number(const std::string& done);  // of what was done so far
  Trace trace(const EditPlan& plan, bool keep_weights);
  int64_t stream_bytes(size_t first, size_t count) const;
  int64_t span_bytes(size_t first, size_t count) const;

  const Model& model_;
  const int64_t all_rows_, measured_rows_;
  const int64_t resident_;
  int64_t columns_ = 0;  // of the largest fit
  int64_t weights_ = 0;  // that the variants' models keep
  std::map<std::string, int64_t> numbers_;
  std::vector<Trace> traces_;
};

}  // namespace linscan
