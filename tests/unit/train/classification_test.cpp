#include "linscan/train/classification.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <functional>

namespace linscan {
namespace {

using Loss = std::function<at::Tensor(const at::Tensor&)>;

// The gradient by autograd against central differences, fp64.
void expect_gradient(const Loss& loss, const at::Tensor& at_scores) {
  at::Tensor scores = at_scores.clone().requires_grad_();
  loss(scores).backward();
  constexpr double kStep = 1e-6;
  for (int64_t i = 0; i < scores.numel(); ++i) {
    const at::Tensor up = at_scores.clone();
    const at::Tensor down = at_scores.clone();
    up.view({-1})[i] += kStep;
    down.view({-1})[i] -= kStep;
    const double numeric = (loss(up).item<double>() - loss(down).item<double>()) / (2 * kStep);
    EXPECT_NEAR(scores.grad().view({-1})[i].item<double>(), numeric, 1e-8) << "score " << i;
  }
}

at::Tensor some_scores(at::IntArrayRef shape) {
  return at::randn(shape, at::detail::createCPUGenerator(3), at::kDouble);
}

TEST(ClassLoss, UniformScores_LogOfClasses) {
  const at::Tensor labels = at::tensor({0, 2, 1}, at::kLong);
  EXPECT_NEAR(
      class_loss(at::zeros({3, 3}, at::kDouble), labels).item<double>(), std::log(3), 1e-12);
}

TEST(ClassLoss, Gradient_EqualsFiniteDifferences) {
  const at::Tensor labels = at::tensor({0, 2, 1, 2}, at::kLong);
  expect_gradient([&](const at::Tensor& scores) { return class_loss(scores, labels); },
                  some_scores({4, 3}));
}

TEST(PreferenceLoss, EqualScores_LogOfTwo) {
  EXPECT_NEAR(preference_loss(at::ones({4, 1}, at::kDouble)).item<double>(), std::log(2), 1e-12);
}

TEST(PreferenceLoss, ChosenFarAbove_Nothing) {
  const at::Tensor scores = at::tensor({50.0, -50.0, 40.0, -60.0}, at::kDouble).reshape({4, 1});
  EXPECT_NEAR(preference_loss(scores).item<double>(), 0, 1e-12);
  EXPECT_NEAR(preference_loss(-scores).item<double>(), 100, 1e-9);
}

TEST(PreferenceLoss, Gradient_EqualsFiniteDifferences) {
  expect_gradient(preference_loss, some_scores({6, 1}));
}

TEST(LabelledBatch, TextsOfDifferentLength_LastRowOfEach) {
  const LabelledExample pair{{{5, 6, 7}, {8}}, 0};
  const LabelledExample one{{{9, 10}}, 1};
  const LabelledBatch batch = labelled_batch({&pair, &one});
  EXPECT_TRUE(at::equal(batch.ids, at::tensor({5, 6, 7, 8, 9, 10}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.last, at::tensor({2, 3, 5}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.labels, at::tensor({0, 1}, at::kLong)));
  EXPECT_EQ(batch.layout.lengths(), (std::vector<int64_t>{3, 1, 2}));
}

TEST(StepsOfEpochs, PartOfABatch_IsAStep) {
  LabelledSet set;
  set.train.resize(10);
  EXPECT_EQ(steps_of_epochs(set, 1, {.batch = 4}), 3);
  EXPECT_EQ(steps_of_epochs(set, 2, {.batch = 2, .accumulation = 2}), 5);
  EXPECT_EQ(steps_of_epochs(set, 0.01, {.batch = 4}), 1);
}

}  // namespace
}  // namespace linscan
