// The shape of a cloud of token states: anisotropy, effective rank, intrinsic dimension.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "linscan/stats/linearity.h"

namespace linscan {

struct GeometryScores {
  Score anisotropy;      // share of the variance in the first principal component
  Score effective_rank;  // exp of the entropy of the variance shares (Roy and Vetterli 2007, on
                         // eigenvalues)
  Score intrinsic_dimension;  // TwoNN
};

// Anisotropy and effective rank. centered  (C, C) fp64: StateMoments::centered().
GeometryScores score_spectrum(const at::Tensor& centered);

struct TwoNnOptions {
  // Share of the smallest ratios r2/r1 that the line is fitted to: Facco et al. 2017 keep 0.9, the
  // code published with the paper 0.2.
  double kept_share = 0.9;
};

// Intrinsic dimension by the ratio of the distances to the second and first neighbour (Facco et al.
// 2017): slope through the origin of -log(1 - F(mu)) over log(mu). Rows equal to an earlier row are
// left out. rows  (M, C) fp32, any device. Candidates are found in fp32 where that proves enough,
// else in fp64; their distances are fp64.
Score intrinsic_dimension(const at::Tensor& rows, const TwoNnOptions& options);

}  // namespace linscan
