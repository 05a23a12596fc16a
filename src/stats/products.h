// Products with symmetric results or factors, of which only the lower triangle is computed or read.
#pragma once

#include <ATen/core/Tensor.h>

namespace linscan {

// Adds rows^T rows to the lower triangle of gram; what stands above it is undefined afterwards.
// rows  (N, C), gram (C, C), one dtype and device. A little over half the work of a full product.
void add_gram_lower(at::Tensor& gram, const at::Tensor& rows);

// <M, S M> = tr(M^T S M) for a symmetric S (C, C) fp64 and M (C, K) fp64, of S only the lower
// triangle. A little over half the work of S M.
double quadratic_form(const at::Tensor& s, const at::Tensor& m);

// <A, B> = tr(A^T B), equal 2-d shapes; fastest where both are row-major or both column-major.
double inner_product(const at::Tensor& a, const at::Tensor& b);

}  // namespace linscan
