#include "linscan/stats/geometry.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "unit/stats/test_data.h"

namespace linscan {
namespace {

constexpr TwoNnOptions kUsual{};

// `count` points spread evenly in a cube of `dimensions`, turned into 64 features.
at::Tensor embedded_cube(int64_t count, int64_t dimensions, uint64_t seed) {
  const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const at::Tensor cube = at::rand({count, dimensions}, generator, at::kDouble);
  const at::Tensor axes = std::get<0>(at::linalg_qr(normal(64, dimensions, seed + 1)));
  return cube.mm(axes.t()).to(at::kFloat);
}

// The estimate from all fp64 distances.
double brute_force(const at::Tensor& rows, double kept_share) {
  const at::Tensor points = rows.to(at::kDouble);
  at::Tensor distances = at::cdist(points, points, 2.0, /*compute_mode=*/2);  // by differences
  distances.fill_diagonal_(INFINITY);
  const at::Tensor nearest = std::get<0>(distances.topk(2, 1, false, true));
  const at::Tensor ratio = std::get<0>((nearest.select(1, 1) / nearest.select(1, 0)).sort());
  double products = 0;
  double squares = 0;
  const auto count = static_cast<double>(points.size(0));
  for (int64_t i = 0; i < static_cast<int64_t>(count * kept_share); ++i) {
    const double x = std::log(ratio[i].item<double>());
    products += x * -std::log(1 - static_cast<double>(i) / count);
    squares += x * x;
  }
  return products / squares;
}

TEST(ScoreSpectrum, AgreesWithSvd) {
  at::Tensor x = normal(700, 20, 1) + 5;
  x.select(1, 4).mul_(30);
  const GeometryScores scores = score_spectrum(moments_of(x, x, 1).front().x.centered());
  EXPECT_NEAR(*scores.anisotropy.value, oracle::anisotropy(to_eigen(x)), 1e-12);
  EXPECT_NEAR(*scores.effective_rank.value, oracle::effective_rank(to_eigen(x)), 1e-10);
}

TEST(ScoreSpectrum, ConstantStates_HaveNoSpectrum) {
  const at::Tensor x = at::full({50, 4}, 0.3, at::kDouble);
  EXPECT_FALSE(score_spectrum(moments_of(x, x, 1).front().x.centered()).anisotropy.value);
}

TEST(IntrinsicDimension, UniformCloud_HasItsDimension) {
  const std::pair<int64_t, double> clouds[] = {
      {2, 0.15}, {5, 0.6}, {10, 1.3}};  // TwoNN falls short at borders
  for (const auto& [dimensions, tolerance] : clouds) {
    const at::Tensor rows = embedded_cube(2000, dimensions, 1);
    const double estimate = *intrinsic_dimension(rows, kUsual).value;
    fmt::print("    {} dimensions: {:.3f}\n", dimensions, estimate);
    EXPECT_NEAR(estimate, static_cast<double>(dimensions), tolerance);
    EXPECT_NEAR(estimate, brute_force(rows, 0.9), 1e-9);
  }
}

TEST(IntrinsicDimension, Duplicates_AreLeftOut) {
  const at::Tensor rows = embedded_cube(600, 5, 1);
  const at::Tensor twice = at::cat({rows, rows.slice(0, 0, 300), rows.slice(0, 0, 10)});
  EXPECT_EQ(*intrinsic_dimension(twice, kUsual).value, *intrinsic_dimension(rows, kUsual).value);
}

TEST(IntrinsicDimension, FarOutliers_DoNotSpoilNeighbours) {
  at::Tensor rows = embedded_cube(1000, 5, 1);
  rows.slice(0, 0, 20).mul_(1000);
  EXPECT_NEAR(*intrinsic_dimension(rows, kUsual).value, brute_force(rows, 0.9), 1e-9);
  at::Tensor far = embedded_cube(1000, 5, 1);  // close to each other, far from the rest
  far.slice(0, 0, 200).add_(1000);
  EXPECT_NEAR(*intrinsic_dimension(far, kUsual).value, brute_force(far, 0.9), 1e-9);
}

TEST(IntrinsicDimension, TooFewPoints_HasAReason) {
  const Score score = intrinsic_dimension(embedded_cube(19, 2, 1), kUsual);
  EXPECT_FALSE(score.value);
  EXPECT_EQ(score.reason, "needs at least 20 distinct states, got 19");
}

TEST(IntrinsicDimension, PointsOnALattice_HaveAReason) {
  const at::Tensor line = at::arange(50, at::kFloat).unsqueeze(1);
  EXPECT_FALSE(intrinsic_dimension(line.slice(0, 0, 50), {.kept_share = 0.5}).value);
}

}  // namespace
}  // namespace linscan
