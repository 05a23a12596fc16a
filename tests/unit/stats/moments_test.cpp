#include "linscan/stats/moments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "linscan/stats/displacement.h"
#include "linscan/stats/linearity.h"
#include "linscan/stats/registry.h"
#include "unit/stats/test_data.h"

namespace linscan {
namespace {

bool near(const at::Tensor& a, const at::Tensor& b) {
  return at::allclose(a, b, 1e-12, 1e-11);
}

TEST(StateMoments, AddLowerThenSymmetrize_IsTheFullProduct) {
  for (const int64_t width : {1, 63, 65, 200, 400}) {
    const at::Tensor rows = normal(50, width, 1);
    StateMoments moments = StateMoments::zeros(at::zeros({width}, at::kDouble));
    moments.add_lower(rows.slice(0, 0, 20));
    moments.add_lower(rows.slice(0, 20));
    moments.symmetrize();
    EXPECT_EQ(moments.n, 50);
    EXPECT_TRUE(near(moments.gram, rows.t().mm(rows))) << width;
    EXPECT_TRUE(at::equal(moments.gram, moments.gram.t())) << width;
    EXPECT_TRUE(near(moments.sum, rows.sum(0))) << width;
  }
}

TEST(StateMoments, Shift_DoesNotChangeMeanAndCenteredMoments) {
  const at::Tensor rows = normal(300, 10, 1) + 3;
  StateMoments plain = StateMoments::zeros(at::zeros({10}, at::kDouble));
  plain.add_rows(rows, 1);
  StateMoments shifted = StateMoments::zeros(rows.slice(0, 0, 7).mean(0));
  shifted.add_rows(rows - shifted.shift, 1);
  EXPECT_TRUE(near(plain.mean(), shifted.mean()));
  EXPECT_TRUE(near(plain.centered(), shifted.centered()));
  EXPECT_TRUE(near(shifted.centered().diagonal(), shifted.centered_diagonal()));
}

TEST(StateMoments, ConstantFeature_HasExactlyNoVariance) {
  at::Tensor rows = normal(300, 4, 1);
  rows.select(1, 2).fill_(0.1);
  StateMoments moments = StateMoments::zeros(at::full({4}, 5.0, at::kDouble));
  moments.add_rows(rows - moments.shift, 1);
  EXPECT_EQ(moments.centered().select(0, 2).abs().sum().item<double>(), 0);
  EXPECT_EQ(moments.centered_diagonal()[2].item<double>(), 0);
}

TEST(StateMoments, DifferentShifts_CannotBeAdded) {
  StateMoments a = StateMoments::zeros(at::zeros({3}, at::kDouble));
  EXPECT_THROW(a += StateMoments::zeros(at::ones({3}, at::kDouble)), c10::Error);
}

TEST(PairMoments, AnyOrderOfMerging_GivesTheSame) {
  const at::Tensor x = normal(700, 9, 1);
  const std::vector<PairMoments> parts = moments_of(x, x + normal(700, 9, 2), 7);
  std::vector<size_t> order = {0, 1, 2, 3, 4, 5, 6};
  PairMoments first = parts[0].clone();
  for (size_t k = 1; k < 7; ++k) {
    first += parts[k];
  }
  do {
    PairMoments sum = parts[order[0]].clone();
    for (size_t k = 1; k < 7; ++k) {
      sum += parts[order[k]];
    }
    ASSERT_EQ(sum.x.n, 700);
    ASSERT_TRUE(near(sum.x.gram, first.x.gram) && near(sum.y.gram, first.y.gram) &&
                near(sum.x_update, first.x_update) &&
                near(sum.update_square, first.update_square) && near(sum.y.sum, first.y.sum));
    std::rotate(order.begin(), order.begin() + 2, order.end());
    std::swap(order[1], order[4]);
  } while (order[0] != 0);
}

TEST(PairMoments, RowsTakenOutAgain_LeaveTheRest) {
  const at::Tensor x = normal(200, 6, 1);
  const at::Tensor y = normal(200, 6, 2);
  PairMoments moments = moments_of(x, y, 1).front();
  const PairMoments before = moments.clone();
  const at::Tensor extra_x = normal(30, 6, 3);
  const at::Tensor extra_y = normal(30, 6, 4);
  moments.add_rows(extra_x, extra_y, 1);
  EXPECT_EQ(moments.x.n, 230);
  moments.add_rows(extra_x, extra_y, -1);
  EXPECT_EQ(moments.x.n, 200);
  EXPECT_TRUE(near(moments.x.gram, before.x.gram) && near(moments.y.gram, before.y.gram) &&
              near(moments.x_update, before.x_update) &&
              near(moments.update_square, before.update_square));
}

TEST(Displacement, SameAndOppositeStates_AreAtTheEnds) {
  const at::Tensor x = normal(40, 8, 1).to(at::kFloat);
  Displacement same;
  same.add(x, x);
  EXPECT_NEAR(same.cosine(), 1, 1e-15);
  EXPECT_NEAR(same.angular(), 0, 1e-7);
  EXPECT_NEAR(same.block_influence(), 0, 1e-15);
  EXPECT_EQ(same.norm_update(), 0);
  EXPECT_EQ(same.norm_ratio(), 0);
  EXPECT_EQ(same.norm_in(), same.norm_out());
  Displacement opposite;
  opposite.add(x, -x);
  EXPECT_NEAR(opposite.cosine(), -1, 1e-15);
  EXPECT_NEAR(opposite.angular(), 1, 1e-7);
  EXPECT_NEAR(opposite.norm_ratio(), 2, 1e-12);
}

TEST(Displacement, ZeroStates_HaveCosineZero) {
  at::Tensor x = at::ones({2, 4}, at::kFloat);
  x[0].zero_();
  at::Tensor y = at::ones({2, 4}, at::kFloat);
  y[1].zero_();
  Displacement moved;
  moved.add(x, y);
  EXPECT_EQ(moved.cosine(), 0);
  EXPECT_DOUBLE_EQ(moved.angular(), 0.5);
  EXPECT_DOUBLE_EQ(moved.norm_in(), 1);
  EXPECT_DOUBLE_EQ(moved.norm_ratio(), 0.5);
}

TEST(Displacement, Batches_AreAveragedOverTokens) {
  const at::Tensor x = normal(50, 8, 1).to(at::kFloat);
  const at::Tensor y = normal(50, 8, 2).to(at::kFloat);
  Displacement whole;
  whole.add(x, y);
  Displacement parts;
  parts.add(x.slice(0, 0, 3), y.slice(0, 0, 3));
  parts.add(x.slice(0, 3), y.slice(0, 3));
  EXPECT_NEAR(whole.cosine(), parts.cosine(), 1e-14);
  EXPECT_NEAR(whole.norm_ratio(), parts.norm_ratio(), 1e-13);
  EXPECT_EQ(parts.n, 50);
}

TEST(MetricRegistry, EveryMetric_IsDeclaredOnceInAKnownGroup) {
  std::set<std::string_view> paths;
  std::set<std::string_view> used;
  const std::set<std::string_view> groups(metric_groups().begin(), metric_groups().end());
  for (const MetricInfo& metric : metric_registry()) {
    EXPECT_TRUE(paths.insert(metric.path).second) << metric.path;
    EXPECT_TRUE(groups.contains(metric.group)) << metric.path;
    used.insert(metric.group);
    for (const std::string_view text :
         {metric.label, metric.formula, metric.meaning, metric.source}) {
      EXPECT_FALSE(text.empty()) << metric.path;
    }
    EXPECT_TRUE(metric.direction == "higher" || metric.direction == "lower" ||
                metric.direction == "none")
        << metric.path;
    if (metric.lowest && metric.highest) {
      EXPECT_LT(*metric.lowest, *metric.highest) << metric.path;
    }
  }
  EXPECT_EQ(used, groups);
  EXPECT_EQ(groups.size(), metric_groups().size());
}

}  // namespace
}  // namespace linscan
