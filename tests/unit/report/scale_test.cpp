#include "report/scale.h"

#include <gtest/gtest.h>

#include <cmath>

namespace linscan {
namespace {

TEST(Scale, Linear_MapsEndsAndStaysInside) {
  const Scale scale({0, 10}, false, 100, 0);
  EXPECT_DOUBLE_EQ(scale(0), 100);
  EXPECT_DOUBLE_EQ(scale(10), 0);
  EXPECT_DOUBLE_EQ(scale(2.5), 75);
  EXPECT_DOUBLE_EQ(scale(-1e100), 100);
  EXPECT_DOUBLE_EQ(scale(1e100), 0);
}

TEST(Scale, Logarithmic_MapsDecadesEvenly) {
  const Scale scale({0.01, 1}, true, 0, 200);
  EXPECT_DOUBLE_EQ(scale(0.01), 0);
  EXPECT_NEAR(scale(0.1), 100, 1e-9);
  EXPECT_DOUBLE_EQ(scale(1), 200);
}

TEST(RoundRange, Values_EndOnRoundNumbers) {
  const Range range = round_range({0.03, 0.97}, 6);
  EXPECT_DOUBLE_EQ(range.low, 0.0);
  EXPECT_DOUBLE_EQ(range.high, 1.0);
}

TEST(RoundRange, EqualValues_GetRoom) {
  for (const double value : {0.0, 0.5, -3.0, 1e90, 1e-90}) {
    const Range range = round_range({value, value}, 6);
    EXPECT_LT(range.low, value);
    EXPECT_GT(range.high, value);
  }
}

TEST(RoundLogRange, Values_EndOnRoundNumbers) {
  const Range range = round_log_range({0.013, 0.7});
  EXPECT_NEAR(range.low, 0.01, 1e-12);
  EXPECT_NEAR(range.high, 1.0, 1e-12);
  const Range single = round_log_range({0.1, 0.1});
  EXPECT_GE(single.high, 2 * single.low * (1 - 1e-9));
}

TEST(LinearTicks, Range_GivesFewRoundValues) {
  for (const Range range :
       {Range{0, 1}, Range{-0.5, 1}, Range{0, 23}, Range{0.92, 1}, Range{-1e100, 1e100}}) {
    const auto ticks = linear_ticks(range, 7);
    EXPECT_GE(ticks.size(), 2u);
    EXPECT_LE(ticks.size(), 7u);
    for (const double tick : ticks) {
      EXPECT_GE(tick, range.low - 1e-9 * std::abs(range.low));
      EXPECT_LE(tick, range.high + 1e-9 * std::abs(range.high));
    }
  }
}

TEST(LogTicks, Range_GivesDecadesOrTheirParts) {
  const std::vector<double> fine = log_ticks({0.1, 1}, 7);
  ASSERT_EQ(fine.size(), 4u);
  EXPECT_NEAR(fine[1], 0.2, 1e-12);
  const std::vector<double> decades = log_ticks({1e-6, 1}, 7);
  EXPECT_EQ(decades.size(), 7u);
  EXPECT_LE(log_ticks({1e-100, 1e100}, 7).size(), 7u);
}

TEST(IndexTicks, Count_AlwaysHasFirstAndLast) {
  for (const int64_t count : {1, 2, 6, 12, 24, 32, 80, 96, 126, 4096}) {
    const auto ticks = index_ticks(count, 12);
    EXPECT_EQ(ticks.front(), 0);
    EXPECT_EQ(ticks.back(), count - 1);
    EXPECT_LE(ticks.size(), 13u);
    for (size_t i = 1; i < ticks.size(); ++i) {
      EXPECT_GT(ticks[i], ticks[i - 1]);
    }
  }
  EXPECT_TRUE(index_ticks(0, 12).empty());
}

TEST(TickLabel, Value_IsShort) {
  EXPECT_EQ(tick_label(0.5), "0.5");
  EXPECT_EQ(tick_label(-0.2), "−0.2");
  EXPECT_EQ(tick_label(0), "0");
  EXPECT_EQ(tick_label(1e-6), "1e−6");
  EXPECT_EQ(tick_label(0.1 + 0.2), "0.3");
}

}  // namespace
}  // namespace linscan
