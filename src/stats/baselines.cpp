#include "stats/baselines.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "linscan/stats/whitener.h"
#include "stats/products.h"

namespace linscan {
namespace {

constexpr double kRidge = 0.01;

}  // namespace

Score score_scaled_identity(const CenteredPair& c) {
  const double inner = c.xy.diagonal().sum().item<double>();
  return Score::of(inner * inner / (c.xx_trace * c.yy_trace));
}

Score score_diagonal(const CenteredPair& c) {
  const at::Tensor xx = c.xx.diagonal();
  const at::Tensor xy = c.xy.diagonal();
  const at::Tensor alive = xx > xx.max() * 1e-28;
  const at::Tensor explained = at::where(alive, xy.square() / xx, at::zeros_like(xy));
  return Score::of(explained.sum().item<double>() / c.yy_trace);
}

Score score_orthogonal(const CenteredPair& c) {
  const double nuclear = at::linalg_svdvals(c.xy).sum().item<double>();
  return Score::of(nuclear * nuclear / (c.xx_trace * c.yy_trace));
}

Score score_ridge(const CenteredPair& c) {
  const at::Tensor penalty = c.xx.diagonal() * kRidge;
  at::Tensor ridged = c.xx.clone();
  ridged.diagonal().add_(penalty);
  const Whitener whitener(ridged);
  const at::Tensor whitened = whitener.whiten(c.xy);
  // What the map A explains is 2 <A, Sxy> - <A, Sxx A>. With (Sxx + penalty) A = Sxy that is
  // <A, Sxy> + <A, penalty A>, and <A, Sxy> the squares of the whitened moments.
  const double shrunk = whitener.unwhiten(whitened).square().sum(1).dot(penalty).item<double>();
  return Score::of((whitened.square().sum().item<double>() + shrunk) / c.yy_trace);
}

std::map<int64_t, double> rank_curve(const CenteredPair& c, const at::Tensor& whitened_y) {
  // Eigenvalues of Sxy^T Sxx^+ Sxy, largest first: what each further direction explains.
  at::Tensor explained_by_pair = at::zeros_like(c.yy);
  add_gram_lower(explained_by_pair, whitened_y);
  const at::Tensor explained =
      at::linalg_eigvalsh(explained_by_pair, "L").flip(0).clamp_min(0).cumsum(0).cpu();
  std::map<int64_t, double> curve;
  const int64_t d = explained.size(0);
  for (int64_t k = 1;; k = std::min(2 * k, d)) {
    curve[k] = explained[k - 1].item<double>() / c.yy_trace;
    if (k == d) {
      return curve;
    }
  }
}

Score score_cca(const CenteredPair& c, const at::Tensor& whitened_y, int64_t x_rank) {
  const Whitener whitener(c.yy);
  const double squares = whitener.whiten(whitened_y.t()).square().sum().item<double>();
  return Score::of(squares / static_cast<double>(std::min(x_rank, whitener.rank())));
}

}  // namespace linscan
