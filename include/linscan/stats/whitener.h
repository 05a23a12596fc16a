// Solves with a symmetric positive semi-definite matrix S of second moments, without ever inverting it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace linscan {

// A factor P with P S P^T = I on the space where S has variance. Features are first scaled to unit variance, which keeps
// a feature a thousand times larger than the rest from hiding them. Cholesky where the smallest pivot proves the matrix
// well enough conditioned, else an eigenvalue cut-off.
class Whitener {
 public:
  // s  (C, C) fp64 symmetric, any device. Relative eigenvalues of the scaled matrix below `cutoff` count as zero.
  explicit Whitener(const at::Tensor& s, double cutoff = kDefaultCutoff);

  // P b. b (C, M) fp64 -> (rank or C, M).
  at::Tensor whiten(const at::Tensor& b) const;
  // S^+ b = P^T (P b), given w = P b. (., M) -> (C, M).
  at::Tensor unwhiten(const at::Tensor& w) const;

  int64_t rank() const { return rank_; }
  bool used_cholesky() const { return factor_.defined(); }

  // Below this an eigenvalue of a scaled fp64 moment matrix is rounding noise (C up to 8192: C * eps = 2e-12).
  static constexpr double kDefaultCutoff = 1e-12;

 private:
  at::Tensor scale_;   // (C) fp64: 1 / sqrt(S_jj), 0 for features without variance
  at::Tensor factor_;  // (C, C) lower Cholesky factor of the scaled matrix; undefined on the eigenvalue path
  at::Tensor basis_;   // (rank, C): eigenvectors over the root of their eigenvalues, as rows
  int64_t rank_ = 0;
};

}  // namespace linscan
