// Closed-form maps that move a state x towards a target: r ~ x D + b, with r what is missing to the
// target. D is the map's update: the map itself is I + D where x and the target are states alike.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace linscan {

// Sufficient statistics of inputs x (N, d) and what is missing r (N, C), fp64. They are taken about
// a point near the means where the map has a free bias, about zero where it has none.
class RegressionMoments {
 public:
  RegressionMoments(int64_t inputs, int64_t outputs, bool bias, at::Device device);

  // x  (N, d), r  (N, C), any floating dtype.
  void add(const at::Tensor& x, const at::Tensor& r);

  int64_t n() const { return n_; }
  int64_t inputs() const { return gram_.size(0); }
  int64_t outputs() const { return x_r_.size(1); }
  bool bias() const { return bias_; }

 private:
  friend struct NormalEquations;

  bool bias_;
  int64_t n_ = 0;
  at::Tensor shift_x_, shift_r_;  // (d), (C); undefined before the first rows
  at::Tensor sum_x_, sum_r_;      // (d), (C) of the shifted rows
  at::Tensor gram_;               // (d, d), lower triangle
  at::Tensor x_r_;                // (d, C)
  double r_square_ = 0;
};

// What D may be. All but kAffine need d = C.
enum class MapKind {
  kAffine,      // any matrix
  kDiagonal,    // I + D is diagonal
  kScale,       // I + D is a multiple of I
  kOrthogonal,  // I + D is a multiple of an orthogonal matrix (Procrustes)
  kRank,        // D has rank K
};

struct MapChoice {
  MapKind kind = MapKind::kAffine;
  int64_t rank = 0;  // kRank only
  // Penalty on ||D||^2, a share of the mean square of x's features: towards no change, not towards
  // zero. Affine and rank only.
  double ridge = 0;
};

// "affine", "diagonal", "scale", "orthogonal", "rank:8"; anything else is a usage error naming
// `option`.
MapChoice parse_map(std::string_view text, std::string_view option);
std::string name(const MapChoice& choice);

struct UpdateMap {
  at::Tensor weight;       // D (d, C) fp64
  at::Tensor bias;         // (C) fp64; undefined without one
  double unexplained = 0;  // sum of squares of r that is left, over that of r (about its mean where
                           // there is a bias)
  int64_t rank = 0;        // directions of x that were used
};

// Least squares by the normal equations, solved with a diagonally scaled Cholesky or, where x has
// dependent features, eigenvectors with a cut-off at 1e-10 of the largest eigenvalue. Throws
// Error(kNumeric) for moments that are not finite.
UpdateMap fit_update(const RegressionMoments& moments, const MapChoice& choice);

}  // namespace linscan
