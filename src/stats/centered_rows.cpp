#include "stats/centered_rows.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

namespace linscan {
namespace {

constexpr int64_t kColumns = 128;  // of one worker: no result depends on how many there are

struct Columns {
  const float* from;
  const float* shift;
  float* to;
  double* sum;
  int64_t rows, stride;
};

// Columns [begin, end); returns their sum of squares.
double centre(const Columns& c, int64_t begin, int64_t end) {
  std::array<double, kColumns> squares{};
  double* const square = squares.data();
  const int64_t width = end - begin;
  double* const sum = c.sum + begin;
  const float* const shift = c.shift + begin;
  for (int64_t row = 0; row < c.rows; ++row) {
    const float* const from = c.from + row * c.stride + begin;
    float* const to = c.to + row * c.stride + begin;
    for (int64_t i = 0; i < width; ++i) {
      const float value = from[i] - shift[i];
      to[i] = value;
      sum[i] += static_cast<double>(value);
      square[i] += static_cast<double>(value * value);
    }
  }
  return std::accumulate(square, square + width, 0.0);
}

}  // namespace

CenteredRows centered_rows(const at::Tensor& rows, const at::Tensor& shift) {
  const int64_t width = rows.size(1);
  const at::Tensor from = rows.contiguous();
  const at::Tensor about =
      shift.defined() ? shift.to(at::kFloat).contiguous() : at::zeros({width}, at::kFloat);
  CenteredRows result{at::empty_like(from), at::zeros({width}, at::kDouble)};
  const Columns columns{from.const_data_ptr<float>(),
                        about.const_data_ptr<float>(),
                        result.rows.mutable_data_ptr<float>(),
                        result.sum.mutable_data_ptr<double>(),
                        from.size(0),
                        width};
  const int64_t parts = (width + kColumns - 1) / kColumns;
  std::vector<double> squares(static_cast<size_t>(parts));
  at::parallel_for(0, parts, 1, [&](int64_t first, int64_t last) {
    for (int64_t part = first; part < last; ++part) {
      squares[static_cast<size_t>(part)] =
          centre(columns, part * kColumns, std::min(width, (part + 1) * kColumns));
    }
  });
  result.square = std::accumulate(squares.begin(), squares.end(), 0.0);
  return result;
}

}  // namespace linscan
