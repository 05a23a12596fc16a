#include "linscan/stats/geometry.h"

#include <ATen/ATen.h>

#include <cmath>

namespace linscan {

GeometryScores score_spectrum(const at::Tensor& centered) {
  GeometryScores scores;
  const at::Tensor values = at::linalg_eigvalsh(centered).clamp_min(0);
  const double total = values.sum().item<double>();
  if (!(total > 0)) {
    scores.anisotropy = scores.effective_rank = Score::missing("the states have no variance");
    return scores;
  }
  const at::Tensor share = values / total;
  scores.anisotropy = Score::of(share.max().item<double>());
  scores.effective_rank = Score::of(std::exp(-at::xlogy(share, share).sum().item<double>()));
  return scores;
}

}  // namespace linscan
