#include "linscan/stats/predictions.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace linscan {
namespace {

std::vector<double> values(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(at::kDouble).contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

// Logits whose softmax is exactly these shares, shifted by an amount that must not matter.
at::Tensor logits_of(std::vector<std::vector<double>> shares, double shift) {
  std::vector<at::Tensor> rows;
  for (const auto& row : shares) rows.push_back(at::tensor(row, at::kDouble).log() + shift);
  return at::stack(rows).to(at::kFloat);
}

TEST(Predictions, Score_KnownShares_GivesTheirLogarithms) {
  const at::Tensor logits = logits_of({{0.5, 0.25, 0.25}, {0.1, 0.2, 0.7}}, 11.0);
  const PredictionRows rows = score_predictions(logits, at::tensor({1, 2}, at::kLong));
  EXPECT_NEAR(values(rows.log_likelihood)[0], std::log(0.25), 1e-6);
  EXPECT_NEAR(values(rows.log_likelihood)[1], std::log(0.7), 1e-6);
  EXPECT_EQ(values(rows.greedy), (std::vector<double>{0, 1}));
  EXPECT_FALSE(rows.kl.defined());
}

TEST(Predictions, Score_EquallyLikelyTokens_TheLowestIdIsGreedy) {
  const at::Tensor logits = at::zeros({2, 4});
  const PredictionRows rows = score_predictions(logits, at::tensor({0, 3}, at::kLong));
  EXPECT_EQ(values(rows.greedy), (std::vector<double>{1, 0}));
}

TEST(Predictions, Score_TwoTargetsOfOneRow_EachGetsItsShare) {
  const at::Tensor logits = at::randn({3, 7});
  const at::Tensor rows = at::tensor({2, 0, 2}, at::kLong);
  const at::Tensor targets = at::tensor({6, 1, 3}, at::kLong);
  const PredictionRows shared = score_predictions(logits, targets, rows, true);
  const PredictionRows single = score_predictions(logits.index_select(0, rows), targets);
  EXPECT_EQ(values(shared.log_likelihood), values(single.log_likelihood));
  EXPECT_EQ(values(shared.greedy), values(single.greedy));
}

TEST(Predictions, Compare_KnownShares_GivesKlOfTheReference) {
  const at::Tensor reference = logits_of({{0.5, 0.25, 0.25}}, -3.0);
  const at::Tensor model = logits_of({{0.25, 0.5, 0.25}}, 5.0);
  const PredictionRows rows = compare_predictions(reference, model, at::tensor({1}, at::kLong));
  EXPECT_NEAR(values(rows.kl)[0], 0.5 * std::log(2.0) - 0.25 * std::log(2.0), 1e-6);
  EXPECT_NEAR(values(rows.log_likelihood)[0], std::log(0.5), 1e-6);  // the model's, not the other's
  EXPECT_EQ(values(rows.agrees), std::vector<double>{0});
  EXPECT_EQ(values(rows.greedy), std::vector<double>{1});
}

TEST(Predictions, Compare_SameLogits_IsExactlyZero) {
  const at::Tensor logits = at::randn({5, 300}) * 8;
  const PredictionRows rows = compare_predictions(logits, logits, at::zeros({5}, at::kLong));
  EXPECT_EQ(values(rows.kl), std::vector<double>(5, 0.0));
  EXPECT_EQ(values(rows.agrees), std::vector<double>(5, 1.0));
}

TEST(Predictions, Compare_TokenThatBothExclude_AddsNothing) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  const at::Tensor logits = at::tensor({0.0F, 0.0F, kNever}).unsqueeze(0);
  const PredictionRows rows = compare_predictions(logits, logits, at::zeros({1}, at::kLong));
  EXPECT_EQ(values(rows.kl)[0], 0.0);
}

}  // namespace
}  // namespace linscan
