#include "linscan/stats/regression.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "linscan/base/error.h"

namespace linscan {
namespace {

at::Tensor random(at::IntArrayRef shape, uint64_t seed) {
  const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::randn(shape, generator, at::TensorOptions().dtype(at::kDouble));
}

// Mixed, so that features depend on each other, and off centre.
at::Tensor inputs(int64_t rows, int64_t width) {
  return random({rows, width}, 1).mm(random({width, width}, 2)) + 3;
}

RegressionMoments moments_of(const at::Tensor& x, const at::Tensor& r, bool bias) {
  RegressionMoments moments(std::make_shared<RegressionInput>(x.size(1), bias, at::kCPU),
                            r.size(1));
  for (int64_t begin = 0; begin < x.size(0); begin += 37) {
    const int64_t count = std::min<int64_t>(37, x.size(0) - begin);
    moments.add(x.narrow(0, begin, count), r.narrow(0, begin, count));
  }
  return moments;
}

at::Tensor predict(const UpdateMap& map, const at::Tensor& x) {
  const at::Tensor y = x.mm(map.weight);
  return map.bias.defined() ? y + map.bias : y;
}

double error_of(const UpdateMap& map, const at::Tensor& x, const at::Tensor& r) {
  return (predict(map, x) - r).square().sum().item<double>();
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(FitUpdate, PlantedMapOfAnyShape_IsFound) {
  const at::Tensor x = inputs(400, 12);
  const at::Tensor weight = random({12, 5}, 3);
  const at::Tensor bias = random({5}, 4);
  const UpdateMap affine = fit_update(moments_of(x, x.mm(weight) + bias, true), {});
  EXPECT_LT(largest_difference(affine.weight, weight), 1e-9);
  EXPECT_LT(largest_difference(affine.bias, bias), 1e-8);
  EXPECT_LT(affine.unexplained, 1e-12);
  const UpdateMap linear = fit_update(moments_of(x, x.mm(weight), false), {});
  EXPECT_LT(largest_difference(linear.weight, weight), 1e-9);
  EXPECT_FALSE(linear.bias.defined());
}

TEST(FitUpdate, NoisyTarget_IsTheLeastSquaresSolution) {
  const at::Tensor x = inputs(300, 8);
  const at::Tensor r = random({300, 4}, 5);
  const at::Tensor with_one = at::cat({x, at::ones({300, 1}, x.options())}, 1);
  const at::Tensor expected = std::get<0>(at::linalg_lstsq(with_one, r));
  const UpdateMap map = fit_update(moments_of(x, r, true), {});
  EXPECT_LT(largest_difference(map.weight, expected.narrow(0, 0, 8)), 1e-10);
  EXPECT_LT(largest_difference(map.bias, expected[8]), 1e-9);
  const at::Tensor centred = r - r.mean(0);
  EXPECT_NEAR(map.unexplained, error_of(map, x, r) / centred.square().sum().item<double>(), 1e-10);
}

TEST(FitUpdate, DependentFeatures_AreCutOff) {
  const at::Tensor half = inputs(300, 6);
  const at::Tensor x = at::cat({half, half.mm(random({6, 6}, 6))}, 1);
  const at::Tensor r = half.mm(random({6, 4}, 7));
  const UpdateMap map = fit_update(moments_of(x, r, false), {});
  EXPECT_EQ(map.rank, 6);
  EXPECT_LT(largest_difference(predict(map, x), r), 1e-7);
  EXPECT_LT(map.weight.abs().max().item<double>(), 10);
}

TEST(FitUpdate, RankK_IsTheBestOfItsRank) {
  const at::Tensor x = inputs(500, 10);
  const at::Tensor r = random({500, 10}, 8) + x.mm(random({10, 10}, 9)) * 0.3;
  double last = r.square().sum().item<double>();
  const UpdateMap full = fit_update(moments_of(x, r, true), {});
  for (const int64_t rank : {1, 3, 7, 10}) {
    const UpdateMap map = fit_update(moments_of(x, r, true), {MapKind::kRank, rank});
    EXPECT_EQ(at::linalg_matrix_rank(map.weight, 1e-8).item<int64_t>(), rank);
    const double error = error_of(map, x, r);
    EXPECT_LT(error, last);
    last = error;
  }
  EXPECT_NEAR(last, error_of(full, x, r), 1e-6);
  // No other projection of the full map does better.
  const UpdateMap three = fit_update(moments_of(x, r, true), {MapKind::kRank, 3});
  const auto [u, s, vt] = at::linalg_svd(full.weight);
  UpdateMap truncated = full;
  truncated.weight = full.weight.mm(vt.narrow(0, 0, 3).t()).mm(vt.narrow(0, 0, 3));
  truncated.bias = r.mean(0) - truncated.weight.t().mv(x.mean(0));
  EXPECT_LE(error_of(three, x, r), error_of(truncated, x, r) + 1e-9);
}

TEST(FitUpdate, SimplerMaps_AreTheBestOfTheirKind) {
  const at::Tensor x = inputs(400, 6);
  const at::Tensor y = x.mm(random({6, 6}, 10));  // r leads from x to y
  const at::Tensor r = y - x;
  const auto fit = [&](MapKind kind) { return fit_update(moments_of(x, r, false), {kind}); };
  const auto whole = [&](const UpdateMap& map) { return map.weight + at::eye(6, x.options()); };

  const UpdateMap scale = fit(MapKind::kScale);
  const double best_scale = ((x * y).sum() / x.square().sum()).item<double>();
  EXPECT_LT(largest_difference(whole(scale), at::eye(6, x.options()) * best_scale), 1e-10);

  const UpdateMap diagonal = fit(MapKind::kDiagonal);
  const at::Tensor best_diagonal = (x * y).sum(0) / x.square().sum(0);
  EXPECT_LT(largest_difference(whole(diagonal), best_diagonal.diag()), 1e-10);

  const at::Tensor orthogonal = whole(fit(MapKind::kOrthogonal));
  const double square = orthogonal.square().sum().item<double>() / 6;
  EXPECT_LT(largest_difference(orthogonal.mm(orthogonal.t()), at::eye(6, x.options()) * square),
            1e-9);
  for (uint64_t seed = 20; seed < 25; ++seed) {  // no other scaled rotation does better
    const at::Tensor other = std::get<0>(at::linalg_qr(random({6, 6}, seed)));
    const at::Tensor turned = x.mm(other);
    const double a = ((turned * y).sum() / turned.square().sum()).item<double>();
    EXPECT_LE((x.mm(orthogonal) - y).square().sum().item<double>(),
              (turned * a - y).square().sum().item<double>());
  }
}

TEST(FitUpdate, Ridge_LeadsTowardsNoChange) {
  const at::Tensor x = inputs(60, 8);
  const at::Tensor r = random({60, 3}, 11);
  const auto norm = [&](double ridge) {
    return fit_update(moments_of(x, r, true), {MapKind::kAffine, 0, ridge})
        .weight.norm()
        .item<double>();
  };
  EXPECT_GT(norm(0), norm(0.01));
  EXPECT_GT(norm(0.01), norm(1));
  EXPECT_LT(norm(1e9), 1e-6);
  // Fewer rows than features: without a ridge there is no one answer, with it there is.
  const at::Tensor few = x.narrow(0, 0, 5);
  const UpdateMap map =
      fit_update(moments_of(few, r.narrow(0, 0, 5), false), {MapKind::kAffine, 0, 0.1});
  const at::Tensor gram = few.t().mm(few);
  const at::Tensor penalty =
      at::eye(8, x.options()) * (0.1 * gram.diagonal().mean().item<double>());
  const at::Tensor expected = at::linalg_solve(gram + penalty, few.t().mm(r.narrow(0, 0, 5)));
  EXPECT_LT(largest_difference(map.weight, expected), 1e-9);
}

TEST(FitUpdate, ConstantInputs_ChangeNothingButTheMean) {
  const at::Tensor x = at::ones({50, 4}, at::kDouble) * 2;
  const at::Tensor r = random({50, 4}, 12);
  const UpdateMap map = fit_update(moments_of(x, r, true), {});
  EXPECT_EQ(map.weight.abs().max().item<double>(), 0);
  EXPECT_LT(largest_difference(map.bias, r.mean(0)), 1e-12);
}

TEST(FitUpdate, StatesThatAreNotFinite_AreRefused) {
  at::Tensor x = inputs(50, 4);
  x[7][2] = std::numeric_limits<double>::infinity();
  EXPECT_THROW(fit_update(moments_of(x, random({50, 4}, 13), false), {}), Error);
}

TEST(MapChoice, Names_ReadBack) {
  for (const char* text : {"affine", "diagonal", "scale", "orthogonal", "rank:8"}) {
    EXPECT_EQ(name(parse_map(text, "--map")), text);
  }
  for (const char* text :
       {"", "rank", "rank:", "rank:0", "rank:-1", "rank:x", "rank:8x", "Affine"}) {
    EXPECT_THROW(parse_map(text, "--map"), Error) << text;
  }
}

TEST(FastProducts, WhereTheyHold_ExplainAsMuch) {
  const at::Tensor x = inputs(6000, 24).to(at::kFloat);
  const at::Tensor r = (x.mm(random({24, 24}, 20).to(at::kFloat)).tanh() * 3).contiguous();
  const auto moments_with = [&](CrossProducts products, const at::Tensor& rows) {
    RegressionMoments moments(std::make_shared<RegressionInput>(24, true, at::kCPU), 24, products);
    for (int64_t begin = 0; begin < rows.size(0); begin += 1000) {
      moments.add(rows.narrow(0, begin, 1000), r.narrow(0, begin, 1000));
    }
    return moments;
  };
  const RegressionMoments fast = moments_with(CrossProducts::kFast, x);
  EXPECT_TRUE(fast.fast_products_hold({}));
  EXPECT_NEAR(fit_update(fast, {}).unexplained,
              fit_update(moments_with(CrossProducts::kExact, x), {}).unexplained,
              1e-8);
  // Features that are nearly the same: rounding is a visible part of what tells them apart.
  at::Tensor close = x.clone();
  close.narrow(1, 12, 12).copy_(close.narrow(1, 0, 12) +
                                1e-4F * random({6000, 12}, 21).to(at::kFloat));
  EXPECT_FALSE(moments_with(CrossProducts::kFast, close).fast_products_hold({}));
  EXPECT_TRUE(moments_with(CrossProducts::kExact, close).fast_products_hold({}));
}

}  // namespace
}  // namespace linscan
