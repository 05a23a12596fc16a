// Solves with a symmetric positive semi-definite matrix S of second moments, without ever inverting
// it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace linscan {

// A factor P with P S P^T = I on the space where S has variance. Cholesky where the smallest pivot
// proves that nothing has to be cut off, else eigenvectors of the matrix scaled to a unit diagonal,
// with a cut-off. Neither is disturbed by a feature a thousand times larger than the rest. Features
// without variance stay out.
class Whitener {
 public:
  // s  (C, C) fp64 symmetric, any device. A feature without variance has a zero on the diagonal.
  // Directions with less than `least_share` of the largest eigenvalue of the scaled matrix are cut
  // off; 0: only what is rounding of fp64.
  explicit Whitener(const at::Tensor& s, double least_share = 0);

  // P b. b (C, M) fp64, fastest when column-major -> (rank or C, M).
  at::Tensor whiten(const at::Tensor& b) const;
  // S^+ b = P^T (P b), given w = P b. (., M) -> (C, M).
  at::Tensor unwhiten(const at::Tensor& w) const;
  // P S, (rank or C, C), from the factor: exact where P times the moments would lose digits.
  at::Tensor whitened_self() const;

  int64_t rank() const { return rank_; }
  bool used_cholesky() const { return factor_.defined(); }

 private:
  at::Tensor dead_;    // (C) bool: features without variance; undefined where there are none
  at::Tensor factor_;  // (C, C) lower Cholesky factor, P its inverse; undefined on the eigenvalue
                       // path; a feature without variance is a unit row of its own
  at::Tensor basis_;   // (rank, C): P of the eigenvalue path
  at::Tensor self_;    // (rank, C): P S of the eigenvalue path
  int64_t rank_ = 0;
};

}  // namespace linscan
