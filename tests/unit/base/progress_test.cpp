#include "linscan/base/progress.h"

#include <gtest/gtest.h>

namespace linscan {
namespace {

TEST(FormatDuration, EachUnit_IsReadable) {
  EXPECT_EQ(format_duration(0), "0.0s");
  EXPECT_EQ(format_duration(4.24), "4.2s");
  EXPECT_EQ(format_duration(60), "1m00s");
  EXPECT_EQ(format_duration(185.4), "3m05s");
  EXPECT_EQ(format_duration(3599.7), "1h00m");
  EXPECT_EQ(format_duration(7800), "2h10m");
  EXPECT_EQ(format_duration(360'000), "100h00m");
}

}  // namespace
}  // namespace linscan
