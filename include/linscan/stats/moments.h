// Sufficient statistics of token states: counts, sums and second moments in fp64. They add, over
// batches, folds and machines.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace linscan {

// One set of states. All sums are of (x - shift): with a shift near the mean, second moments lose
// no digits to it. Moments add only when their shifts are equal.
struct StateMoments {
  int64_t n = 0;
  at::Tensor shift;  // (C) fp64
  at::Tensor sum;    // (C) fp64, of x - shift
  at::Tensor gram;   // (C, C) fp64, (x - shift)^T (x - shift)

  static StateMoments zeros(const at::Tensor& shift);

  // rows  (N, C) fp64, already shifted. Only the lower triangle of `gram` is updated: half the work
  // of a full product.
  void add_lower(const at::Tensor& shifted_rows);
  // Copies the lower triangle of `gram` to the upper one, in place. Call once, after the last
  // add_lower.
  void symmetrize();
  // Adds rows (N, C) fp64 that are already shifted to a symmetric `gram`; with a negative sign,
  // takes them out again.
  void add_rows(const at::Tensor& shifted_rows, double sign);

  StateMoments& operator+=(const StateMoments& other);
  StateMoments clone() const;

  at::Tensor mean() const;      // (C) fp64, of x
  at::Tensor centered() const;  // (C, C) fp64, sum of (x - mean)^T (x - mean); zero rows and
                                // columns for features that are constant up to rounding
  at::Tensor centered_diagonal() const;  // (C) fp64
};

// What links two sets of states of the same tokens, x -> y.
struct PairMoments {
  StateMoments x;
  StateMoments y;
  // Of x with the update u = (y - shift_y) - (x - shift_x) and of the update alone, not of x with
  // y: these are exact where the update is small beside x.
  at::Tensor x_update;       // (C, C) fp64, (x - shift_x)^T u; column-major, as solvers want it
  at::Tensor update_square;  // (C) fp64, sum of u^2

  static PairMoments zeros(const at::Tensor& shift_x, const at::Tensor& shift_y);
  at::Tensor update_sum() const;  // (C) fp64, of u
  PairMoments& operator+=(const PairMoments& other);
  PairMoments clone() const;
  // The sum of at least one part.
  static PairMoments sum(const std::vector<PairMoments>& parts);
  // Adds the pairs (x, y), each (N, C) fp64 and shifted; a negative sign takes them out again.
  void add_rows(const at::Tensor& x_rows, const at::Tensor& y_rows, double sign);
};

}  // namespace linscan
