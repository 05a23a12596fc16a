#include "linscan/stats/linearity.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "linscan/stats/whitener.h"
#include "stats/top_component.h"
#include "unit/stats/test_data.h"

namespace linscan {
namespace {

std::vector<oracle::Rows> fold_rows(const at::Tensor& rows, int64_t folds) {
  std::vector<oracle::Rows> parts;
  for (int64_t k = 0; k < folds; ++k) {
    parts.push_back(
        to_eigen(rows.slice(0, rows.size(0) * k / folds, rows.size(0) * (k + 1) / folds)));
  }
  return parts;
}

// Compares every score with the SVD of the rows and notes the largest difference.
class Agreement {
 public:
  Agreement(const at::Tensor& x, const at::Tensor& y, int64_t folds)
      : scores_(score_pair(moments_of(x, y, folds), {.baselines = true})) {
    const oracle::Rows a = to_eigen(x);
    const oracle::Rows b = to_eigen(y);
    const oracle::Rows d = to_eigen(y - x);
    const LinearityScores& linearity = scores_.linearity;
    compare("stream.in_sample", linearity.stream.in_sample, oracle::in_sample(a, b));
    compare("update.in_sample", linearity.update.in_sample, oracle::in_sample(a, d));
    compare("stream.median", linearity.stream.median_feature, oracle::median_feature(a, b));
    compare("update.median", linearity.update.median_feature, oracle::median_feature(a, d));
    compare("stream.without_top_pc", linearity.stream.without_top_pc, oracle::without_top_pc(a, b));
    compare("update.without_top_pc", linearity.update.without_top_pc, oracle::without_top_pc(a, d));
    if (folds > 1) {
      compare("stream.held_out",
              linearity.stream.held_out,
              oracle::held_out(fold_rows(x, folds), fold_rows(y, folds)));
      compare("update.held_out",
              linearity.update.held_out,
              oracle::held_out(fold_rows(x, folds), fold_rows(y - x, folds)));
    }
    const BaselineScores& maps = scores_.baselines;
    compare("scaled_identity", maps.scaled_identity, oracle::scaled_identity(a, b));
    compare("diagonal", maps.diagonal, oracle::diagonal(a, b));
    compare("orthogonal", maps.orthogonal, oracle::orthogonal(a, b));
    compare("ridge", maps.ridge, oracle::ridge(a, b, 0.01));
    compare("cca", maps.cca, oracle::cca(a, b));
    for (const auto& [rank, score] : maps.rank) {
      compare(fmt::format("rank {}", rank),
              Score::of(score),
              oracle::rank(a, b, static_cast<int>(rank)));
    }
    fmt::print("    largest difference {:.1e} ({})\n", worst_, worst_name_);
  }

  double worst() const { return worst_; }
  const PairScores& scores() const { return scores_; }

 private:
  void compare(const std::string& name, const Score& score, double expected) {
    ASSERT_TRUE(score.value) << name << ": " << score.reason;
    const double difference = std::abs(*score.value - expected);
    EXPECT_LT(difference, 1e-6) << name << " " << *score.value << " instead of " << expected;
    if (difference >= worst_) {
      worst_ = difference;
      worst_name_ = name;
    }
  }

  PairScores scores_;
  double worst_ = 0;
  std::string worst_name_;
};

at::Tensor random_block(const at::Tensor& x, double noise, uint64_t seed) {
  const int64_t d = x.size(1);
  const at::Tensor update = at::gelu(x.mm(normal(d, d, seed)) / std::sqrt(static_cast<double>(d))) +
                            noise * normal(x.size(0), d, seed + 1);
  return as_fp32(x + 0.5 * update);
}

// x with singular values from 1 down to 1 / condition, in directions that no scaling of features
// undoes.
at::Tensor ill_conditioned(int64_t rows, int64_t d, double condition) {
  const at::Tensor rotation = std::get<0>(at::linalg_qr(normal(d, d, 7)));
  return as_fp32(
      (normal(rows, d, 8) * at::logspace(0, -std::log10(condition), d, 10.0, at::kDouble))
          .mm(rotation));
}

TEST(ScorePair, RandomBlock_AgreesWithSvd) {
  const at::Tensor x = as_fp32(normal(900, 24, 1));
  EXPECT_LT(Agreement(x, random_block(x, 0.3, 2), 4).worst(), 1e-10);
}

TEST(ScorePair, PlantedNoise_ScoresItsShare) {
  const int64_t d = 16;
  const int64_t n = 20000;
  const at::Tensor x = normal(n, d, 1);
  const at::Tensor y = x + x.mm(normal(d, d, 2)) / 4.0 + 0.5 * normal(n, d, 3);
  const LinearityScores scores = score_pair(moments_of(x, y, 5), {}).linearity;
  // Of the update: variance 1/16 per weight, d weights, against 0.25 of noise.
  const at::Tensor map = normal(d, d, 2) / 4.0;
  const double signal = map.square().sum().item<double>() / static_cast<double>(d);
  const double expected = signal / (signal + 0.25);
  EXPECT_NEAR(*scores.update.in_sample.value, expected, 0.01);
  EXPECT_NEAR(*scores.update.adjusted.value, expected, 0.01);
  EXPECT_NEAR(*scores.update.held_out.value, expected, 0.01);
  EXPECT_LT(*scores.update.held_out.value, *scores.update.in_sample.value);
  ASSERT_TRUE(scores.update.held_out_interval);
  EXPECT_LT(scores.update.held_out_interval->first, *scores.update.held_out.value);
  EXPECT_GT(scores.update.held_out_interval->second, *scores.update.held_out.value);
}

TEST(ScorePair, Identity_ScoresOneAndHasNoUpdate) {
  const at::Tensor x = as_fp32(normal(500, 12, 1));
  const PairScores scores = score_pair(moments_of(x, x, 5), {});
  EXPECT_EQ(*scores.linearity.stream.in_sample.value, 1.0);
  EXPECT_EQ(*scores.linearity.stream.held_out.value, 1.0);
  EXPECT_NEAR(*scores.baselines.scaled_identity.value, 1.0, 1e-13);
  EXPECT_NEAR(*scores.baselines.orthogonal.value, 1.0, 1e-13);
  EXPECT_NEAR(*scores.baselines.cca.value, 1.0, 1e-12);
  for (const Score& missing : {scores.linearity.update.in_sample,
                               scores.linearity.update.adjusted,
                               scores.linearity.update.held_out,
                               scores.linearity.update.median_feature,
                               scores.linearity.update.without_top_pc}) {
    EXPECT_FALSE(missing.value);
    EXPECT_EQ(missing.reason, "the target has no variance");
  }
}

TEST(ScorePair, UnrelatedData_ScoresTheNull) {
  const int64_t n = 4000;
  const int64_t d = 64;
  const at::Tensor x = normal(n, d, 1);
  const at::Tensor y = x + normal(n, d, 2);
  const TargetScores update = score_pair(moments_of(x, y, 5), {}).linearity.update;
  EXPECT_NEAR(*update.in_sample.value, null_in_sample(n, d), 0.003);
  EXPECT_NEAR(*update.adjusted.value, 0, 0.003);
  EXPECT_LT(*update.held_out.value, 0);
}

TEST(ScorePair, DependentFeatures_AgreeWithSvd) {
  const at::Tensor basis = normal(800, 20, 1);
  const at::Tensor x = basis.mm(normal(20, 32, 2));
  const at::Tensor y = x + at::gelu(x.mm(normal(32, 32, 3)) / 5.0) + 0.2 * normal(800, 32, 4);
  EXPECT_EQ(Whitener(moments_of(x, y, 1).front().x.centered()).rank(), 20);
  EXPECT_LT(Agreement(x, y, 4).worst(), 1e-10);
}

TEST(ScorePair, FewerTokensThanFeatures_ScoresOneAndRefusesHeldOut) {
  const at::Tensor x = normal(30, 48, 1);
  const at::Tensor y = x + normal(30, 48, 2);
  const LinearityScores scores = score_pair(moments_of(x, y, 3), {}).linearity;
  EXPECT_NEAR(*scores.update.in_sample.value, 1.0, 1e-9);
  EXPECT_NEAR(*scores.stream.in_sample.value, 1.0, 1e-9);
  EXPECT_FALSE(scores.update.adjusted.value);
  EXPECT_EQ(scores.update.held_out.reason,
            "needs more than 49 training tokens in every fold, got 20");
  EXPECT_FALSE(scores.update.held_out_interval);
}

TEST(ScorePair, OneFold_HasNoHeldOut) {
  const at::Tensor x = normal(100, 4, 1);
  const TargetScores update =
      score_pair(moments_of(x, x + normal(100, 4, 2), 1), {}).linearity.update;
  EXPECT_EQ(update.held_out.reason, "needs at least two folds with tokens");
}

TEST(ScorePair, ConstantFeatures_AgreeWithSvd) {
  at::Tensor x = as_fp32(normal(600, 16, 1));
  x.select(1, 3).fill_(7.3);
  x.select(1, 9).fill_(0);
  at::Tensor y = random_block(x, 0.3, 2);
  y.select(1, 5).fill_(-1000);
  const Whitener whitener(moments_of(x, y, 1).front().x.centered());
  EXPECT_TRUE(whitener.used_cholesky());
  EXPECT_EQ(whitener.rank(), 14);
  EXPECT_LT(Agreement(x, y, 3).worst(), 1e-10);
}

// A feature that only one document uses is constant in the training rows of that document's fold.
TEST(ScorePair, FeatureOfOneFoldOnly_AgreesWithSvd) {
  at::Tensor x = as_fp32(normal(600, 16, 1));
  x.select(1, 3).slice(0, 0, 450).fill_(0.25);
  x.select(1, 3).slice(0, 450).mul_(1000);
  const at::Tensor y = random_block(x, 0.3, 2);
  const double score = *score_pair(moments_of(x, y, 4), {}).linearity.update.held_out.value;
  EXPECT_NEAR(score, oracle::held_out(fold_rows(x, 4), fold_rows(y - x, 4)), 1e-9);
}

TEST(ScorePair, ConstantRows_HaveNoScore) {
  const at::Tensor x = at::full({300, 8}, 0.1, at::kDouble);
  const PairScores scores = score_pair(moments_of(x, x + 0.7, 3), {});
  EXPECT_FALSE(scores.linearity.stream.in_sample.value);
  EXPECT_FALSE(scores.linearity.update.without_top_pc.value);
  EXPECT_FALSE(scores.linearity.stream.held_out.value);
  EXPECT_FALSE(scores.baselines.orthogonal.value);
}

TEST(ScorePair, OneHugeFeature_AgreesWithSvd) {
  at::Tensor x = normal(1200, 32, 1);
  x.select(1, 11).mul_(1000);
  x = as_fp32(x);
  at::Tensor scaled = x.clone();
  scaled.select(1, 11).div_(1000);
  const at::Tensor y = as_fp32(x + (random_block(scaled, 0.3, 2) - scaled));
  EXPECT_LT(Agreement(x, y, 4).worst(), 1e-8);
}

TEST(ScorePair, MeanFarFromZero_AgreesWithSvd) {
  const at::Tensor x = as_fp32(normal(900, 24, 1) + 1e4);
  const at::Tensor y = as_fp32(x + random_block(x - 1e4, 0.3, 2) - 5e3);
  EXPECT_LT(Agreement(x, y, 4).worst(), 1e-9);
}

TEST(ScorePair, TinyUpdate_AgreesWithSvd) {
  const at::Tensor x = normal(900, 24, 1);
  const at::Tensor y = x + 1e-4 * (random_block(x, 0.3, 2) - x);
  EXPECT_LT(Agreement(x, y, 4).worst(), 1e-8);
}

// Every direction of x predicts as much as any other: an error in the smallest one shows in full.
TEST(ScorePair, IllConditionedData_AgreesWithSvd) {
  // Rounding in second moments grows with the square of the condition: 1e-6 is kept up to 1e6.
  for (const auto& [condition, tolerance] :
       {std::pair(1e4, 1e-9), std::pair(1e6, 1e-6), std::pair(3e6, 1e-5)}) {
    const at::Tensor x = ill_conditioned(1500, 64, condition);
    const at::Tensor centered = x - x.mean(0);
    const at::Tensor u = std::get<0>(at::linalg_svd(centered, false));
    const at::Tensor y =
        x + std::sqrt(1500.0) * u.mm(normal(64, 64, 3)) / 8.0 + 0.7 * normal(1500, 64, 4);
    const LinearityScores scores = score_pair(moments_of(x, y, 1), {}).linearity;
    const double difference =
        *scores.update.in_sample.value - oracle::in_sample(to_eigen(x), to_eigen(y - x));
    fmt::print("    condition {:.0e}: {:+.1e}\n", condition, difference);
    EXPECT_LT(std::abs(difference), tolerance) << condition;
  }
}

// A map with ordinary weights, as a block's: small directions matter little.
TEST(ScorePair, IllConditionedDataThroughOrdinaryWeights_AgreesWithSvd) {
  for (const double condition : {1e6, 1e7}) {
    const at::Tensor x = ill_conditioned(1500, 64, condition);
    const at::Tensor y = as_fp32(x + x.mm(normal(64, 64, 3)) / 8.0 + 0.02 * normal(1500, 64, 4));
    Agreement(x, y, 4);
  }
}

// Cholesky and the eigenvalue path meet at the SVD.
TEST(Whitener, NearlyDependentFeature_FallsBackToEigenvalues) {
  at::Tensor x = normal(1000, 16, 1);
  const at::Tensor weights = normal(16, 16, 2) / 4.0;
  for (const double noise : {1e-3, 1e-5, 1e-9}) {
    at::Tensor near = x.clone();
    near.select(1, 4).copy_(x.select(1, 9) + noise * normal(1000, 1, 3).squeeze(1));
    const at::Tensor y = near + near.mm(weights) + 0.1 * normal(1000, 16, 5);
    const std::vector<PairMoments> moments = moments_of(near, y, 2);
    PairMoments all = moments.front().clone();
    all += moments.back();
    EXPECT_EQ(Whitener(all.x.centered()).used_cholesky(), noise > 1e-6) << noise;
    const double score = *score_pair(moments, {}).linearity.update.in_sample.value;
    EXPECT_NEAR(
        score, oracle::in_sample(to_eigen(near), to_eigen(y - near)), noise > 1e-6 ? 1e-9 : 1e-3)
        << noise;
  }
}

TEST(Whitener, Whiten_GivesIdentity) {
  const at::Tensor x = normal(400, 12, 1);
  const at::Tensor s = x.t().mm(x);
  const Whitener whitener(s);
  const at::Tensor half = whitener.whiten(s);  // P S, so that (P S) P^T = I
  EXPECT_TRUE(at::allclose(whitener.whiten(half.t()), at::eye(12, at::kDouble), 0, 1e-12));
  EXPECT_TRUE(at::allclose(whitener.unwhiten(half), at::eye(12, at::kDouble), 0, 1e-10));
}

TEST(TopComponent, AgreesWithFullSolve) {
  const at::Tensor x = normal(500, 60, 1);
  at::Tensor outlier = x.clone();
  outlier.select(1, 7).mul_(1000);
  at::Tensor twins = at::eye(60, at::kDouble);  // no component stands out
  for (const at::Tensor& rows : {x, outlier, x.slice(1, 0, 1), twins, x.slice(0, 0, 3)}) {
    const at::Tensor s = rows.t().mm(rows);
    const double expected = at::linalg_eigvalsh(s).max().item<double>();
    const TopComponent top = top_component(s);
    EXPECT_NEAR(top.variance / expected, 1, 1e-13);
    EXPECT_LT((s.mv(top.direction) - expected * top.direction).norm().item<double>(),
              1e-10 * expected);
  }
}

TEST(FoldInterval, TwoFolds_MatchesHandComputation) {
  // R = 3/10; residuals 1 - 0.3 * 4 = -0.2 and 2 - 0.3 * 6 = 0.2; s = sqrt(2/1 * 0.08) / 10 = 0.04;
  // t(1) = 12.706205.
  const auto interval = fold_interval({1, 2}, {4, 6});
  ASSERT_TRUE(interval);
  EXPECT_NEAR(interval->first, 0.7 - 12.706205 * 0.04, 1e-12);
  EXPECT_NEAR(interval->second, 0.7 + 12.706205 * 0.04, 1e-12);
}

TEST(FoldInterval, OneFoldOrNoVariance_IsAbsent) {
  EXPECT_FALSE(fold_interval({1}, {2}));
  EXPECT_FALSE(fold_interval({0, 0}, {0, 0}));
}

TEST(NullInSample, IsFeaturesOverTokens) {
  EXPECT_DOUBLE_EQ(null_in_sample(101, 20), 0.2);
  EXPECT_EQ(null_in_sample(10, 20), 1.0);
  EXPECT_EQ(null_in_sample(1, 20), 1.0);
}

}  // namespace
}  // namespace linscan
