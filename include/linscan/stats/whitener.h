// Solves with a symmetric positive semi-definite matrix S of second moments, without ever inverting
// it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace linscan {

// A factor P with P S P^T = I on the space where S has variance. Features are first scaled to unit
// variance, which keeps a feature a thousand times larger than the rest from hiding them. Features
// without variance stay out. Cholesky where the smallest pivot proves that nothing has to be cut
// off, else an eigenvalue cut-off.
class Whitener {
 public:
  // s  (C, C) fp64 symmetric, any device. A feature without variance has a zero on the diagonal.
  explicit Whitener(const at::Tensor& s);

  // P b. b (C, M) fp64 -> (rank or C, M).
  at::Tensor whiten(const at::Tensor& b) const;
  // S^+ b = P^T (P b), given w = P b. (., M) -> (C, M).
  at::Tensor unwhiten(const at::Tensor& w) const;

  int64_t rank() const { return rank_; }
  bool used_cholesky() const { return factor_.defined(); }

 private:
  at::Tensor scale_;   // (C) fp64: 1 / sqrt(S_jj), 0 for features without variance
  at::Tensor factor_;  // (C, C) lower Cholesky factor of the scaled matrix; undefined on the
                       // eigenvalue path; a feature without variance is a unit row of its own
  at::Tensor basis_;   // (rank, C): eigenvectors over the root of their eigenvalues, as rows
  int64_t rank_ = 0;
};

}  // namespace linscan
