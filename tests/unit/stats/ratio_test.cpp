#include "linscan/stats/ratio.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace linscan {
namespace {

TEST(RatioOfSums, UnitsOfDifferentSizes_MatchesHandComputation) {
  // R = 3/10; residuals 1 - 0.3 * 4 = -0.2 and 2 - 0.3 * 6 = 0.2; s = sqrt(2/1 * 0.08) / 10 = 0.04.
  const Ratio ratio = ratio_of_sums(std::array{1.0, 2.0}, std::array{4.0, 6.0});
  EXPECT_NEAR(ratio.value, 0.3, 1e-15);
  EXPECT_NEAR(ratio.error.value(), 0.04, 1e-15);
}

TEST(RatioOfSums, UnitsOfOneSize_IsTheStandardErrorOfAMean) {
  // Variance of {1, 2, 4, 5} with n - 1: 10/3; of the mean 10/12.
  const Ratio ratio = ratio_of_sums(std::array{1.0, 2.0, 4.0, 5.0}, std::array{1.0, 1.0, 1.0, 1.0});
  EXPECT_DOUBLE_EQ(ratio.value, 3);
  EXPECT_DOUBLE_EQ(ratio.error.value(), std::sqrt(10.0 / 12));
}

TEST(RatioOfSums, OneUnit_HasNoError) {
  const Ratio ratio = ratio_of_sums(std::array{3.0}, std::array{4.0});
  EXPECT_DOUBLE_EQ(ratio.value, 0.75);
  EXPECT_FALSE(ratio.error);
}

}  // namespace
}  // namespace linscan
