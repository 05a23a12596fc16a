// Axes: from values to pixels, ranges that end on round numbers, and where the ticks stand.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace linscan {

struct Range {
  double low;
  double high;
};

// Maps [range.low, range.high] to [pixel_low, pixel_high] (which may run downwards); values outside
// stay at the edge. A logarithmic scale needs range.low > 0.
class Scale {
 public:
  Scale(Range range, bool logarithmic, double pixel_low, double pixel_high);
  double operator()(double value) const;
  const Range& range() const { return range_; }
  bool contains(double value) const { return value >= range_.low && value <= range_.high; }

 private:
  Range range_;
  bool logarithmic_;
  double pixel_low_;
  double pixel_high_;
};

// The smallest range of multiples of a round step (1, 2 or 5 times a power of ten) around the
// values, with at most `max_ticks` of them. Equal values get room on both sides.
Range round_range(Range values, int max_ticks);
// The same for a logarithmic axis: ends are 1, 2 or 5 times a power of ten, at least a factor of
// two apart.
Range round_log_range(Range values);

// Multiples of a round step inside the range, at most `max_ticks`.
std::vector<double> linear_ticks(Range range, int max_ticks);
// Powers of ten inside the range with 2 and 5 times them, at most `max_ticks`; without 2 and 5
// where that is too many.
std::vector<double> log_ticks(Range range, int max_ticks);
// Indices 0 .. count-1 at a round step, the last one always among them.
std::vector<int64_t> index_ticks(int64_t count, int max_ticks);

// As short as the tick allows: "0.5", "10", "1e−6".
std::string tick_label(double value);

}  // namespace linscan
