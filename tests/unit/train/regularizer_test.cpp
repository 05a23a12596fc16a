#include "linscan/train/regularizer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace linscan {
namespace {

using Term = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

std::vector<at::Tensor> random_states(int64_t count) {
  at::Generator generator = at::detail::createCPUGenerator(5);
  std::vector<at::Tensor> states;
  for (int64_t i = 0; i < count; ++i) {
    states.push_back(at::randn({3, 4}, generator, at::kDouble));
  }
  return states;
}

// The largest difference between gradient and central differences over all numbers of all states.
double worst_gradient(const Term& term, std::vector<at::Tensor> states) {
  for (at::Tensor& state : states) {
    state.requires_grad_();
  }
  term(states).backward();
  constexpr double kStep = 1e-6;
  double worst = 0;
  for (size_t s = 0; s < states.size(); ++s) {
    for (int64_t i = 0; i < states[s].numel(); ++i) {
      const auto moved = [&](double by) {
        std::vector<at::Tensor> copy;
        for (const at::Tensor& state : states) {
          copy.push_back(state.detach().clone());
        }
        copy[s].view({-1})[i] += by;
        return term(copy).item<double>();
      };
      const double expected = (moved(kStep) - moved(-kStep)) / (2 * kStep);
      const double got =
          states[s].grad().defined() ? states[s].grad().view({-1})[i].item<double>() : 0.0;
      worst = std::max(worst, std::abs(expected - got));
    }
  }
  return worst;
}

Term term_of(RegularizerOptions options) {
  return [options](const std::vector<at::Tensor>& states) {
    const std::vector<at::Tensor> stream(states.begin(), states.end() - 1);
    return regularizer(stream, states.back(), options);
  };
}

TEST(Regularizer, Gradients_EqualFiniteDifferences) {
  for (const RegularizerKind kind : {RegularizerKind::kCosine, RegularizerKind::kMse}) {
    for (const bool post_norm : {false, true}) {
      for (const bool embedding : {false, true}) {
        const RegularizerOptions options{
            .kind = kind, .lambda = 0.7, .embedding = embedding, .post_norm = post_norm};
        EXPECT_LT(worst_gradient(term_of(options), random_states(5)), 1e-8)
            << name(kind) << post_norm << embedding;
      }
    }
  }
}

TEST(Regularizer, Options_ScaleAndTurnTheTerm) {
  const std::vector<at::Tensor> states = random_states(5);
  const auto value = [&](RegularizerOptions options) {
    return term_of(options)(states).item<double>();
  };
  const RegularizerOptions mse{.kind = RegularizerKind::kMse, .lambda = 1.0};
  double expected = 0;
  for (size_t i = 1; i + 1 < states.size(); ++i) {
    expected += (states[i] - states[i - 1]).square().sum().item<double>() / 3;
  }
  EXPECT_NEAR(value(mse), expected, 1e-12);
  RegularizerOptions other = mse;
  other.push_apart = true;
  EXPECT_NEAR(value(other), -expected, 1e-12);
  other = mse;
  other.mean_over_pairs = true;
  EXPECT_NEAR(value(other), expected / 3, 1e-12);
  other = mse;
  other.mean_over_features = true;
  EXPECT_NEAR(value(other), expected / 4, 1e-12);
  EXPECT_EQ(value({.kind = RegularizerKind::kNone}), 0);
}

TEST(Regularizer, CosineOfParallelStates_IsZero) {
  const at::Tensor state = at::tensor({1.0, 2.0, -3.0, 0.5}, at::kDouble).view({2, 2});
  const RegularizerOptions options{.kind = RegularizerKind::kCosine, .lambda = 1.0};
  EXPECT_NEAR(regularizer({state, 2 * state, 5 * state}, {}, options).item<double>(), 0, 1e-12);
  EXPECT_NEAR(regularizer({state, -state}, {}, options).item<double>(), 2, 1e-12);
}

}  // namespace
}  // namespace linscan
