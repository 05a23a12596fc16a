#include "linscan/stats/logistic.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace linscan {
namespace {

at::Tensor normal(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::kDouble);
}

double accuracy(const LogisticFit& fit, const at::Tensor& x, const at::Tensor& labels) {
  return (fit.predict(x) == labels).to(at::kDouble).mean().item<double>();
}

TEST(FitLogistic, SeparableClasses_NamesUnseenOnes) {
  const at::Tensor labels = at::arange(300, at::kLong) % 3;
  const at::Tensor centers = 8 * normal({3, 5}, 1);
  const at::Tensor x = centers.index_select(0, labels) + normal({300, 5}, 2);
  const LogisticFit fit = fit_logistic(x, labels, 3);
  EXPECT_TRUE(fit.converged);
  const at::Tensor unseen = centers.index_select(0, labels) + normal({300, 5}, 4);
  EXPECT_GT(accuracy(fit, unseen, labels), 0.99);
}

TEST(FitLogistic, RandomLabels_ChanceOnUnseenOnes) {
  const at::Tensor labels = (normal({4000}, 5) > 0).to(at::kLong);
  const at::Tensor x = normal({4000, 20}, 6);
  const LogisticFit fit = fit_logistic(x.slice(0, 0, 2000), labels.slice(0, 0, 2000), 2);
  // Four standard errors.
  EXPECT_NEAR(accuracy(fit, x.slice(0, 2000), labels.slice(0, 2000)), 0.5, 4 * 0.0112);
}

// At the minimum the gradient is zero: that of the bias says that the mean probabilities are the
// shares of the classes, that of the weights what the ridge pulls back.
TEST(FitLogistic, Minimum_HasNoGradient) {
  const at::Tensor x = normal({200, 4}, 7) * at::tensor({1.0, 100.0, 0.01, 1.0}, at::kDouble) + 3;
  const at::Tensor labels =
      ((x.select(1, 0) + 0.02 * x.select(1, 1) + normal({200}, 8)) > 4).to(at::kLong);
  const LogisticFit fit = fit_logistic(x, labels, 2, {.ridge = 2.5, .tolerance = 1e-12});
  ASSERT_TRUE(fit.converged);
  const at::Tensor z = (x - fit.mean) / fit.deviation;
  const at::Tensor p = at::softmax(at::matmul(z, fit.weight.t()) + fit.bias, 1);
  const at::Tensor error = p - at::one_hot(labels, 2).to(at::kDouble);
  EXPECT_LT(error.sum(0).abs().max().item<double>(), 1e-9);
  EXPECT_LT((at::matmul(error.t(), z) + 2.5 * fit.weight).abs().max().item<double>(), 1e-9);
}

TEST(FitLogistic, ConstantFeature_GetsNoWeight) {
  const at::Tensor x = at::cat({normal({50, 1}, 9), at::full({50, 1}, 7.0, at::kDouble)}, 1);
  const at::Tensor labels = (x.select(1, 0) > 0).to(at::kLong);
  const LogisticFit fit = fit_logistic(x, labels, 2);
  EXPECT_EQ(fit.weight.select(1, 1).abs().max().item<double>(), 0);
  EXPECT_GT(accuracy(fit, x, labels), 0.95);
}

TEST(FitLogistic, ClassWithoutExamples_IsNeverNamed) {
  const at::Tensor x = normal({60, 3}, 10);
  const at::Tensor labels = 2 * (x.select(1, 0) > 0).to(at::kLong);  // 0 and 2 of three
  const LogisticFit fit = fit_logistic(x, labels, 3);
  EXPECT_TRUE(at::isfinite(fit.weight).all().item<bool>());
  EXPECT_FALSE((fit.predict(x) == 1).any().item<bool>());
}

}  // namespace
}  // namespace linscan
