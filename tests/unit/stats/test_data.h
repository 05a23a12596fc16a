// Seeded random rows, and their moments as the analysis accumulates them.
#pragma once

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <vector>

#include "linscan/stats/moments.h"
#include "unit/stats/svd_oracle.h"

namespace linscan {

// (rows, columns) fp64 standard normal.
inline at::Tensor normal(int64_t rows, int64_t columns, uint64_t seed) {
  const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::randn({rows, columns}, generator, at::kDouble);
}

// What a model hands over: the fp64 values of fp32 numbers.
inline at::Tensor as_fp32(const at::Tensor& rows) {
  return rows.to(at::kFloat).to(at::kDouble);
}

inline oracle::Rows to_eigen(const at::Tensor& rows) {
  const at::Tensor host = rows.to(at::kDouble).contiguous();
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  return Eigen::Map<const RowMajor>(host.const_data_ptr<double>(), host.size(0), host.size(1));
}

// Moments of consecutive parts of the rows, shifted by the mean of the first 100 rows, in batches.
inline std::vector<PairMoments> moments_of(const at::Tensor& x,
                                           const at::Tensor& y,
                                           int64_t folds) {
  const at::Tensor shift_x = x.slice(0, 0, 100).mean(0);
  const at::Tensor shift_y = y.slice(0, 0, 100).mean(0);
  std::vector<PairMoments> parts;
  const int64_t count = x.size(0);
  for (int64_t k = 0; k < folds; ++k) {
    PairMoments part = PairMoments::zeros(shift_x, shift_y);
    const int64_t end = count * (k + 1) / folds;
    for (int64_t row = count * k / folds; row < end; row += 256) {
      const int64_t stop = std::min(row + 256, end);
      part.add_rows(x.slice(0, row, stop) - shift_x, y.slice(0, row, stop) - shift_y, 1);
    }
    parts.push_back(part);
  }
  return parts;
}

}  // namespace linscan
