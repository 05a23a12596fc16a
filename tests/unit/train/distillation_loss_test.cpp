#include "linscan/train/distillation_loss.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <functional>

#include "linscan/base/error.h"
#include "train/cosine_distance.h"

namespace linscan {
namespace {

using Loss = std::function<at::Tensor(const at::Tensor&)>;

at::Tensor random_rows(int64_t rows, int64_t columns, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::normal(0.0, 1.5, {rows, columns}, generator).to(at::kDouble);
}

// The gradient of `loss` at `x` against central differences in fp64.
void expect_gradient(const Loss& loss, const at::Tensor& x) {
  const at::Tensor leaf = x.clone().requires_grad_();
  loss(leaf).backward();
  const at::NoGradGuard no_grad;
  constexpr double kStep = 1e-5;
  at::Tensor moved = x.clone();
  double largest = 0;
  for (int64_t i = 0; i < x.numel(); ++i) {
    double* value = moved.data_ptr<double>() + i;
    const double before = *value;
    *value = before + kStep;
    const double above = loss(moved).item<double>();
    *value = before - kStep;
    const double below = loss(moved).item<double>();
    *value = before;
    const double expected = (above - below) / (2 * kStep);
    const double got = leaf.grad().flatten()[i].item<double>();
    largest = std::max(largest, std::abs(expected));
    EXPECT_NEAR(got, expected, 1e-7 * std::max(1.0, std::abs(expected))) << "number " << i;
  }
  EXPECT_GT(largest, 1e-3);
}

TEST(KlDivergence, AnyTemperature_GradientIsThatOfFiniteDifferences) {
  const at::Tensor teacher = random_rows(4, 7, 1);
  for (const double temperature : {1.0, 0.5, 3.0}) {
    SCOPED_TRACE(temperature);
    expect_gradient(
        [&](const at::Tensor& student) {
          return kl_divergence(teacher, student, {.temperature = temperature}) * 0.7;
        },
        random_rows(4, 7, 2));
  }
}

TEST(KlDivergence, LumpedRest_GradientIsThatOfFiniteDifferences) {
  const at::Tensor teacher = random_rows(4, 7, 1);
  expect_gradient(
      [&](const at::Tensor& student) {
        return kl_divergence(teacher, student, {.temperature = 2.0, .top_k = 3});
      },
      random_rows(4, 7, 2));
}

TEST(KlDivergence, LumpedRest_IsTheKlOfTheLumpedDistributions) {
  const at::Tensor teacher = at::log(at::tensor({0.5, 0.2, 0.1, 0.2}, at::kDouble)).unsqueeze(0);
  const at::Tensor student = at::log(at::tensor({0.4, 0.1, 0.3, 0.2}, at::kDouble)).unsqueeze(0);
  const double whole = 0.5 * std::log(0.5 / 0.4) + 0.2 * std::log(0.2 / 0.1) +
                       0.1 * std::log(0.1 / 0.3) + 0.2 * std::log(0.2 / 0.2);
  const double top = 0.5 * std::log(0.5 / 0.4) + 0.5 * std::log(0.5 / 0.6);
  EXPECT_NEAR(kl_divergence(teacher, student, {}).item<double>(), whole, 1e-12);
  EXPECT_NEAR(kl_divergence(teacher, student, {.top_k = 1}).item<double>(), top, 1e-12);
  EXPECT_LT(top, whole);
  EXPECT_NEAR(kl_divergence(teacher, student, {.top_k = 4}).item<double>(), whole, 1e-12);
}

TEST(KlDivergence, SureTeacher_StaysFinite) {
  const at::Tensor teacher = at::tensor({900.0, 0.0, -900.0}).unsqueeze(0);
  const at::Tensor student = at::tensor({0.0, 0.0, 0.0}).unsqueeze(0);
  for (const int64_t top : {0, 1}) {
    EXPECT_NEAR(
        kl_divergence(teacher, student, {.top_k = top}).item<double>(), std::log(3.0), 1e-5);
  }
}

TEST(MeanSquareDistance, Rows_GradientIsThatOfFiniteDifferences) {
  const at::Tensor teacher = random_rows(3, 5, 3);
  expect_gradient([&](const at::Tensor& student) { return mean_square_distance(student, teacher); },
                  random_rows(3, 5, 4));
}

TEST(CosineDistance, Rows_GradientIsThatOfFiniteDifferences) {
  const at::Tensor teacher = random_rows(3, 5, 3);
  expect_gradient([&](const at::Tensor& student) { return cosine_distance(student, teacher); },
                  random_rows(3, 5, 4));
}

TEST(ParseDistillationWeights, Lists_NamedOnesAreSetOthersAreZero) {
  EXPECT_EQ(parse_distillation_weights("kl=1,mse=0.1,ce=0"),
            (DistillationWeights{.kl = 1, .mse = 0.1, .cosine = 0, .cross_entropy = 0}));
  EXPECT_EQ(parse_distillation_weights("cosine=2"),
            (DistillationWeights{.kl = 0, .mse = 0, .cosine = 2, .cross_entropy = 0}));
  EXPECT_EQ(to_string(parse_distillation_weights("mse=0.1,kl=1")), "kl=1,mse=0.1");
}

TEST(ParseDistillationWeights, OtherTexts_AreRefused) {
  for (const char* text : {"",
                           "kl",
                           "kl=",
                           "kl=x",
                           "kl=-1",
                           "kl=nan",
                           "kl=inf",
                           "kl=1,kl=2",
                           "kl=0",
                           "l2=1",
                           "kl=1,"}) {
    SCOPED_TRACE(text);
    try {
      parse_distillation_weights(text);
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_NE(std::string(error.what()).find("--loss"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace linscan
