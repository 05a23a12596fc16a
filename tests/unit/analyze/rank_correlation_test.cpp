#include "linscan/analyze/rank_correlation.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

namespace linscan {
namespace {

using Values = std::vector<double>;

std::optional<double> rho(const Values& a, const Values& b) {
  return rank_correlation(a, b);
}

TEST(RankCorrelation, OrderAlone_Decides) {
  EXPECT_DOUBLE_EQ(*rho({1, 2, 3, 4}, {0.1, 5, 6, 7000}), 1);
  EXPECT_DOUBLE_EQ(*rho({1, 2, 3, 4}, {9, 8, -1, -500}), -1);
  // 1 - 6 sum d^2 / (n (n^2 - 1)) without ties: d = 1, 1, 0, 1, 1.
  EXPECT_DOUBLE_EQ(*rho({1, 2, 3, 4, 5}, {2, 1, 3, 5, 4}), 1 - 6.0 * 4 / (5 * 24));
}

TEST(RankCorrelation, EqualValues_ShareTheMeanOfTheirRanks) {
  // Ranks 0, 1.5, 1.5, 3 against 0, 1, 2, 3: 4.5 / sqrt(4.5 * 5).
  EXPECT_DOUBLE_EQ(*rho({1, 2, 2, 3}, {1, 2, 3, 4}), 4.5 / std::sqrt(4.5 * 5));
  EXPECT_DOUBLE_EQ(*rho({2, 1, 3, 2}, {3, 1, 4, 2}), 4.5 / std::sqrt(4.5 * 5));
}

TEST(RankCorrelation, TooFewOrConstantValues_HaveNone) {
  EXPECT_FALSE(rho({}, {}));
  EXPECT_FALSE(rho({1, 2}, {1, 2}));
  EXPECT_FALSE(rho({1, 1, 1}, {1, 2, 3}));
  EXPECT_FALSE(rho({1, 2, 3}, {4, 4, 4}));
}

Json block(double update, double influence, double removed, Json linear) {
  return {{"linearity", {{"update", {{"held_out", update}}}}},
          {"block_influence", influence},
          {"norm", {{"ratio", 0.5}}},
          {"damage", {{"remove", {{"kl", removed}}}, {"linear", {{"kl", std::move(linear)}}}}}};
}

Json document() {
  return {{"blocks",
           {block(0.9, 0.4, 0.1, 0.01),
            block(0.6, 0.3, 0.2, nullptr),
            block(0.3, 0.2, 0.3, nullptr),
            block(0.1, 0.1, 9.0, 0.02)}},
          {"damage", {{"tokens", 100}, {"missing", {{"dense.ce", "why"}}}}}};
}

TEST(AddRankCorrelations, Positive_MeansTheScoreFoundTheDamage) {
  Json result = document();
  add_rank_correlations(result);
  const Json& remove = result["damage"]["rank_correlation"]["remove"];
  // Less linear, more damage; less influence, more damage.
  EXPECT_DOUBLE_EQ(remove["linearity.update.held_out"].get<double>(), 1);
  EXPECT_DOUBLE_EQ(remove["block_influence"].get<double>(), -1);
  EXPECT_EQ(result["damage"]["tokens"], 100);
}

TEST(AddRankCorrelations, WhatCannotBeSaid_IsNullWithAReason) {
  Json result = document();
  add_rank_correlations(result);
  const Json& damage = result["damage"];
  EXPECT_TRUE(damage["rank_correlation"]["remove"]["norm.ratio"].is_null());
  EXPECT_EQ(damage["missing"]["rank_correlation.remove.norm.ratio"],
            "the score is the same for all blocks");
  EXPECT_TRUE(damage["rank_correlation"]["linear"]["block_influence"].is_null());
  EXPECT_EQ(damage["missing"]["rank_correlation.linear.block_influence"],
            "needs at least 3 blocks with this score and a KL, got 2");
  EXPECT_EQ(damage["missing"]["dense.ce"], "why");
}

TEST(AddRankCorrelations, ScoresThatNoBlockHas_AreLeftOut) {
  Json result = document();
  add_rank_correlations(result);
  const Json& remove = result["damage"]["rank_correlation"]["remove"];
  EXPECT_EQ(remove.size(), 3U);
  for (const char* path : {"angular", "sublayers.mlp.norm.ratio", "linearity.stream.held_out"}) {
    EXPECT_FALSE(remove.contains(path)) << path;
  }
}

TEST(AddRankCorrelations, SublayerScores_AreTakenByTheirPath) {
  Json result = document();
  double ratio = 1;
  for (Json& entry : result["blocks"]) {
    entry["sublayers"]["mlp"]["norm"]["ratio"] = ratio++;
  }
  add_rank_correlations(result);
  EXPECT_DOUBLE_EQ(
      result["damage"]["rank_correlation"]["remove"]["sublayers.mlp.norm.ratio"].get<double>(), 1);
}

TEST(AddRankCorrelations, NoDamageAtAll_IsNullEverywhere) {
  Json result = {{"blocks", {{{"angular", 0.1}}, {{"angular", 0.2}}, {{"angular", 0.3}}}}};
  add_rank_correlations(result);
  EXPECT_TRUE(result["damage"]["rank_correlation"]["remove"]["angular"].is_null());
  EXPECT_TRUE(result["damage"]["missing"].contains("rank_correlation.linear.angular"));
}

}  // namespace
}  // namespace linscan
