// Closed-form maps that move a state x towards a target: r ~ x D + b, with r what is missing to the
// target. D is the map's update: the map itself is I + D where x and the target are states alike.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace linscan {

struct MapChoice;
struct UpdateMap;
class RegressionMoments;

// Sufficient statistics of inputs x (N, d), fp64: what all maps from them share, whatever they move
// them towards. They are taken about a point near the mean where maps have a free bias, about zero
// where they have none.
class RegressionInput {
 public:
  RegressionInput(int64_t inputs, bool bias, at::Device device);
  ~RegressionInput();
  RegressionInput(const RegressionInput&) = delete;
  RegressionInput& operator=(const RegressionInput&) = delete;

  int64_t n() const { return n_; }
  int64_t inputs() const { return inputs_; }
  bool bias() const { return bias_; }
  // The first fit completes it: its matrix is factored and takes no more rows.
  bool complete() const { return equations_ != nullptr; }

  // The most that an input of this many features takes.
  static int64_t held_bytes(int64_t inputs);

 private:
  friend class RegressionMoments;
  friend UpdateMap fit_update(const RegressionMoments& moments, const MapChoice& choice);
  struct Equations;

  void add_centred(const at::Tensor& rows);
  Equations& equations();  // completes this

  const int64_t inputs_;
  const bool bias_;
  const at::Device device_;
  int64_t n_ = 0;
  at::Tensor shift_, sum_;  // (d); undefined before the first rows
  at::Tensor gram_;         // (d, d), lower triangle; undefined before and once it is complete
  std::unique_ptr<Equations> equations_;
};

// How products of inputs with what is missing are taken; those of inputs with themselves are fp64.
enum class CrossProducts {
  kExact,  // fp64
  // fp32 within an added piece of rows, summed in fp64, where both are fp32 and on a CPU: half the
  // time. Checked as it goes, see fast_products_hold.
  kFast,
};

// Sufficient statistics of inputs and what is missing r (N, C) to one target. Several of them may
// share their inputs: the first that is filled fills these too, the others see the same rows in the
// same order and add products with r only.
class RegressionMoments {
 public:
  RegressionMoments(std::shared_ptr<RegressionInput> input,
                    int64_t outputs,
                    CrossProducts products = CrossProducts::kExact);

  // x  (N, d), r  (N, C), any floating dtype.
  void add(const at::Tensor& x, const at::Tensor& r);

  int64_t n() const { return n_; }
  const RegressionInput& input() const { return *input_; }
  int64_t outputs() const { return x_r_.size(1); }

  // Whether a fit from these products explains as much as one from exact ones: what their rounding
  // costs is measured, on a share of the rows, and must stay below 1e-9 of the variance of r.
  // Completes the input. True where products are exact.
  bool fast_products_hold(const MapChoice& choice) const;

 private:
  friend UpdateMap fit_update(const RegressionMoments& moments, const MapChoice& choice);

  void add_fast(const at::Tensor& x, const at::Tensor& r);

  std::shared_ptr<RegressionInput> input_;
  const bool fills_input_;
  const CrossProducts products_;
  int64_t n_ = 0;
  at::Tensor shift_r_;  // (C); undefined before the first rows
  at::Tensor sum_r_;    // (C) of the shifted rows
  at::Tensor x_r_;      // (d, C)
  double r_square_ = 0;
  // Of fast products: (products taken - exact ones) V of some pieces, V (C, .) of random signs.
  int64_t pieces_ = 0, probed_pieces_ = 0;
  at::Tensor probe_, probe_error_;
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
  at::Tensor weight;        // D (d, C) fp64
  at::Tensor bias;          // (C) fp64; undefined without one
  at::Tensor mean_missing;  // (C) fp64, of r; undefined without bias
  double unexplained = 0;  // sum of squares of r that is left, over that of r (about its mean where
                           // there is a bias)
  int64_t rank = 0;        // directions of x that were used
};

// Least squares by the normal equations, solved with a diagonally scaled Cholesky or, where x has
// dependent features, eigenvectors with a cut-off at 1e-10 of the largest eigenvalue. Completes the
// input. Throws Error(kNumeric) for moments that are not finite.
UpdateMap fit_update(const RegressionMoments& moments, const MapChoice& choice);

}  // namespace linscan
