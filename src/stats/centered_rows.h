#pragma once

#include <ATen/core/Tensor.h>

namespace linscan {

// Rows about a point, and what they add up to, from one pass over them.
struct CenteredRows {
  at::Tensor rows;    // (N, C) fp32
  at::Tensor sum;     // (C) fp64, of `rows`
  double square = 0;  // sum of the squares of `rows`, each taken in fp32
};

// rows   (N, C) fp32 on a CPU.
// shift  (C), rounded to fp32; undefined: zero.
CenteredRows centered_rows(const at::Tensor& rows, const at::Tensor& shift);

}  // namespace linscan
