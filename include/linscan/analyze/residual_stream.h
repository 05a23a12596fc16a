// The residual stream of all calibration tokens: in memory, or in a file where memory is short.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>

namespace linscan {

// N rows of C fp32 numbers. Rows are written in batches by one block and read by the next.
class ResidualStream {
 public:
  // In host memory.
  ResidualStream(int64_t rows, int64_t hidden);
  // In an unlinked file in `folder`: it goes away with the process, however that ends.
  ResidualStream(int64_t rows, int64_t hidden, const std::filesystem::path& folder);
  ~ResidualStream();
  ResidualStream(const ResidualStream&) = delete;
  ResidualStream& operator=(const ResidualStream&) = delete;

  // Rows [first, first + count) on `device`, (count, C) fp32. In memory on the host this is a view:
  // do not change it.
  at::Tensor load(int64_t first, int64_t count, at::Device device) const;
  // x  (count, C) fp32, any device, to rows [first, first + count).
  void store(int64_t first, const at::Tensor& x);

  bool spilled() const { return file_ >= 0; }

 private:
  int64_t rows_;
  int64_t hidden_;
  at::Tensor memory_;  // (N, C) fp32; undefined when spilled
  int file_ = -1;
};

}  // namespace linscan
