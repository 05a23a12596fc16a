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

// Target i on row i.
PredictionRows score(const at::Tensor& logits, const std::vector<int64_t>& targets) {
  return score_predictions(
      logits, at::tensor(targets, at::kLong), at::arange(logits.size(0)), true);
}

PredictionRows compare(const at::Tensor& reference,
                       const at::Tensor& logits,
                       const std::vector<int64_t>& targets) {
  return compare_predictions(reference_predictions(reference),
                             logits,
                             at::tensor(targets, at::kLong),
                             at::arange(logits.size(0)));
}

TEST(Predictions, Score_KnownShares_GivesTheirLogarithms) {
  const at::Tensor logits = logits_of({{0.5, 0.25, 0.25}, {0.1, 0.2, 0.7}}, 11.0);
  const PredictionRows rows = score(logits, {1, 2});
  EXPECT_NEAR(values(rows.log_likelihood)[0], std::log(0.25), 1e-6);
  EXPECT_NEAR(values(rows.log_likelihood)[1], std::log(0.7), 1e-6);
  EXPECT_EQ(values(rows.greedy), (std::vector<double>{0, 1}));
  EXPECT_FALSE(rows.kl.defined());
}

TEST(Predictions, Score_EquallyLikelyTokens_TheLowestIdIsGreedy) {
  const at::Tensor logits = at::zeros({2, 4});
  const PredictionRows rows = score(logits, {0, 3});
  EXPECT_EQ(values(rows.greedy), (std::vector<double>{1, 0}));
}

// libtorch's own passes are the oracle. Logits in steps that the rounding of log-probabilities
// merges: many equal ones.
TEST(Predictions, Score_ManyWidths_EqualsLogSoftmax) {
  at::manual_seed(3);
  for (const int64_t width : {1, 2, 31, 32, 33, 511, 513, 5000}) {
    const at::Tensor logits = at::randn({40, width}) * 9 - 3;
    const at::Tensor targets = at::randint(width, {40}, at::kLong);
    const PredictionRows rows = score_predictions(logits, targets, at::arange(40), true);
    const at::Tensor expected =
        at::log_softmax(logits.to(at::kDouble), -1).gather(1, targets.unsqueeze(1)).squeeze(1);
    EXPECT_LT((rows.log_likelihood - expected).abs().max().item<double>(), 8e-6) << width;
    EXPECT_TRUE(rows.greedy.equal(logits.argmax(-1) == targets)) << width;
  }
}

TEST(Predictions, Score_LogitsThatRoundingMerges_TheLowestIdIsGreedy) {
  // The last of 3,000 tokens is above the others by one step of fp32 near 2; log-probabilities near
  // -8 have steps four times as large.
  const float step = std::numeric_limits<float>::epsilon();
  at::Tensor logits = at::full({2, 3000}, 2.0F);
  logits[0][2999] = 2.0F + 2 * step;
  logits[1][1500] = 2.0F + 200 * step;
  EXPECT_EQ(values(score(logits, {2999, 1500}).greedy), (std::vector<double>{0, 1}));
  EXPECT_EQ(values(score(logits, {0, 0}).greedy), (std::vector<double>{1, 0}));
  EXPECT_EQ(values(at::log_softmax(logits, -1).argmax(-1)), (std::vector<double>{0, 1500}));
}

TEST(Predictions, Score_LogitThatIsNotANumber_IsNeverHidden) {
  at::Tensor logits = at::zeros({2, 70});
  logits[0][69] = std::numeric_limits<float>::quiet_NaN();
  logits[1][3] = std::numeric_limits<float>::infinity();
  const PredictionRows rows = score(logits, {5, 5});
  EXPECT_TRUE(std::isnan(values(rows.log_likelihood)[0]));
  EXPECT_FALSE(std::isfinite(values(rows.log_likelihood)[1]));
}

TEST(Predictions, Score_TargetOutsideTheVocabulary_IsAnError) {
  EXPECT_THROW(score(at::zeros({1, 4}), {4}), c10::Error);
  EXPECT_THROW(score(at::zeros({1, 4}), {-1}), c10::Error);
}

TEST(Predictions, Score_TwoTargetsOfOneRow_EachGetsItsShare) {
  const at::Tensor logits = at::randn({3, 7});
  const at::Tensor rows = at::tensor({2, 0, 2}, at::kLong);
  const at::Tensor targets = at::tensor({6, 1, 3}, at::kLong);
  const PredictionRows shared = score_predictions(logits, targets, rows, true);
  const PredictionRows single = score(logits.index_select(0, rows), {6, 1, 3});
  EXPECT_EQ(values(shared.log_likelihood), values(single.log_likelihood));
  EXPECT_EQ(values(shared.greedy), values(single.greedy));
}

TEST(Predictions, Compare_KnownShares_GivesKlOfTheReference) {
  const at::Tensor reference = logits_of({{0.5, 0.25, 0.25}}, -3.0);
  const at::Tensor model = logits_of({{0.25, 0.5, 0.25}}, 5.0);
  const PredictionRows rows = compare(reference, model, {1});
  EXPECT_NEAR(values(rows.kl)[0], 0.5 * std::log(2.0) - 0.25 * std::log(2.0), 1e-6);
  EXPECT_NEAR(values(rows.log_likelihood)[0], std::log(0.5), 1e-6);  // the model's, not the other's
  EXPECT_EQ(values(rows.agrees), std::vector<double>{0});
  EXPECT_EQ(values(rows.greedy), std::vector<double>{1});
}

TEST(Predictions, Compare_ManyWidths_EqualsTheFormula) {
  at::manual_seed(4);
  for (const int64_t width : {1, 31, 32, 513, 5000}) {
    const at::Tensor reference = at::randn({20, width}) * 20;
    const at::Tensor model = reference + at::randn({20, width});
    const at::Tensor theirs = at::log_softmax(reference.to(at::kDouble), -1);
    const at::Tensor ours = at::log_softmax(model.to(at::kDouble), -1);
    const at::Tensor expected = (theirs.exp() * (theirs - ours)).sum(-1);
    const PredictionRows rows = compare(reference, model, std::vector<int64_t>(20, width - 1));
    EXPECT_LT((rows.kl - expected).abs().max().item<double>(), 1e-5) << width;
    EXPECT_TRUE(rows.agrees.equal(reference.argmax(-1) == model.argmax(-1))) << width;
  }
}

TEST(Predictions, Compare_SameLogits_IsExactlyZero) {
  const at::Tensor logits = at::randn({5, 300}) * 8;
  const PredictionRows rows = compare(logits, logits, {0, 0, 0, 0, 0});
  EXPECT_EQ(values(rows.kl), std::vector<double>(5, 0.0));
  EXPECT_EQ(values(rows.agrees), std::vector<double>(5, 1.0));
}

TEST(Predictions, Compare_TokenThatBothExclude_AddsNothing) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  const at::Tensor logits = at::tensor({0.0F, 0.0F, kNever}).unsqueeze(0);
  const PredictionRows rows = compare(logits, logits, {0});
  EXPECT_EQ(values(rows.kl)[0], 0.0);
}

}  // namespace
}  // namespace linscan
