// How the error of a map is spread over tokens.
#include "linscan/edit/token_errors.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

namespace linscan {
namespace {

TEST(TokenErrors, Edges_AreTenForEachPowerOfTen) {
  const std::vector<double> edges = token_error_edges();
  ASSERT_EQ(edges.size(), 41U);
  EXPECT_NEAR(edges.front(), 1e-3, 1e-15);
  EXPECT_NEAR(edges[10], 1e-2, 1e-14);
  EXPECT_DOUBLE_EQ(edges[30], 1);
  EXPECT_NEAR(edges.back(), 10, 1e-12);
}

TEST(TokenErrors, Counts_HaveEveryTokenOnce) {
  const std::vector<float> errors = {
      0, 0.0005F, 0.0125F, 0.0126F, 1, 1.2F, 10.5F, std::numeric_limits<float>::infinity()};
  const std::vector<int64_t> counts = count_token_errors(errors);
  ASSERT_EQ(counts.size(), token_error_edges().size() + 1);
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), int64_t{0}), 8);
  EXPECT_EQ(counts.front(), 2);
  EXPECT_EQ(counts[11], 1);  // 0.01 to 0.01259
  EXPECT_EQ(counts[12], 1);
  EXPECT_EQ(counts[31], 2);  // from 1, which belongs to the bin above it
  EXPECT_EQ(counts.back(), 2);
}

TEST(TokenErrors, Percentiles_AreErrorsOfTokens) {
  std::vector<float> errors(200);
  std::iota(errors.rbegin(), errors.rend(), 1.0F);
  const Json percentiles = token_error_percentiles(errors);
  EXPECT_EQ(percentiles["p5"], 10);
  EXPECT_EQ(percentiles["p50"], 100);
  EXPECT_EQ(percentiles["p99"], 198);
  EXPECT_EQ(token_error_percentiles({3})["p5"], 3);
  EXPECT_TRUE(token_error_percentiles({})["p50"].is_null());
  EXPECT_TRUE(token_error_percentiles({std::numeric_limits<float>::infinity()})["p50"].is_null());
}

}  // namespace
}  // namespace linscan
