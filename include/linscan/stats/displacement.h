// How far a block moves each token: cosine, angle, norms. Sums over tokens, fp64.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace linscan {

struct Displacement {
  int64_t n = 0;
  at::Tensor sums;  // (6) fp64: cosine, angle / pi, |x|, |y|, |y - x|, |y - x| / |y|

  // x, y  (N, C) fp32 of the same tokens. A token with |x| or |y| of zero has cosine 0.
  void add(const at::Tensor& x, const at::Tensor& y);

  double cosine() const { return mean(0); }
  double angular() const { return mean(1); }  // arccos(cosine) / pi, averaged over tokens; 0 to 1
  double block_influence() const { return 1.0 - cosine(); }
  double norm_in() const { return mean(2); }
  double norm_out() const { return mean(3); }
  double norm_update() const { return mean(4); }
  double norm_ratio() const { return mean(5); }  // |y - x| / |y|, averaged over tokens

 private:
  double mean(int64_t index) const;
};

}  // namespace linscan
