// How far a block moves each token: cosine, angle, norms. Sums over tokens, fp64.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace linscan {

struct Displacement {
  int64_t n = 0;
  at::Tensor sums;  // (6) fp64: cosine, angle / pi, |x|, |y|, |y - x|, |y - x| / |y|

  // The six figures of each token, (6, N) fp64. x, y  (N, C) of the same tokens, best fp64 already.
  // A token with |x| or |y| of zero has cosine 0.
  static at::Tensor of_tokens(const at::Tensor& x, const at::Tensor& y);
  // figures  (6, N) from of_tokens.
  void add(const at::Tensor& figures);
  void add(const at::Tensor& x, const at::Tensor& y) { add(of_tokens(x, y)); }

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
