#include "linscan/train/learning_rate.h"

#include <gtest/gtest.h>

#include "linscan/base/error.h"
#include "linscan/train/run_options.h"
#include "linscan/train/trainable_model.h"

namespace linscan {
namespace {

TEST(LearningRate, Cosine_WarmsUpToThePeakAndEndsAtTheFinalShare) {
  const LearningRate rate{
      .kind = ScheduleKind::kCosine, .peak = 2.0, .warmup = 4, .steps = 104, .final_share = 0.1};
  EXPECT_DOUBLE_EQ(rate.at(0), 0.5);
  EXPECT_DOUBLE_EQ(rate.at(3), 2.0);
  EXPECT_DOUBLE_EQ(rate.at(4), 2.0);
  EXPECT_NEAR(rate.at(54), 2.0 * (0.1 + 0.9 * 0.5), 1e-12);
  EXPECT_NEAR(rate.at(104), 0.2, 1e-12);
}

TEST(LearningRate, Wsd_IsStableAndDecaysLinearlyOverItsShare) {
  const LearningRate rate{.kind = ScheduleKind::kWsd,
                          .peak = 1.0,
                          .steps = 100,
                          .final_share = 0.0,
                          .decay_share = 0.2};
  EXPECT_DOUBLE_EQ(rate.at(0), 1.0);
  EXPECT_DOUBLE_EQ(rate.at(79), 1.0);
  EXPECT_NEAR(rate.at(90), 0.5, 1e-12);
}

TEST(LearningRate, Constant_StaysAtThePeak) {
  const LearningRate rate{.kind = ScheduleKind::kConstant, .peak = 0.3, .steps = 10};
  EXPECT_DOUBLE_EQ(rate.at(9), 0.3);
  EXPECT_THROW(parse_schedule("linear"), Error);
}

TEST(LogarithmicSteps, Chosen_BeginWithZeroAndEndWithTheLast) {
  const std::vector<int64_t> steps = logarithmic_steps(1000, 4);
  EXPECT_EQ(steps, (std::vector<int64_t>{0, 1, 10, 100, 1000}));
  EXPECT_EQ(logarithmic_steps(1, 5), (std::vector<int64_t>{0, 1}));
}

TEST(RunOptions, BatchThatIsNoMultipleOfTheWindow_IsRefused) {
  RunOptions options;
  options.batch_tokens = 1000;
  EXPECT_THROW(options.windows_of_micro_batch(512), Error);
  options.batch_tokens = 2048;
  options.micro_batch_tokens = 1024;
  EXPECT_EQ(options.windows_of_micro_batch(512), 2);
  EXPECT_EQ(options.accumulation(512), 2);
  options.micro_batch_tokens = 1536;
  EXPECT_THROW(options.windows_of_micro_batch(512), Error);
}

TEST(TrainChoice, Text_ReadsBackAsWritten) {
  for (const char* text : {"all", "maps", "last:3", "lora:8", "projections:0,5"}) {
    EXPECT_EQ(to_string(parse_train_choice(text)), text);
  }
  for (const char* text : {"",
                           "some",
                           "last",
                           "last:0",
                           "lora:-1",
                           "lora:x",
                           "projections:",
                           "projections:1,,2",
                           "last:3x"}) {
    EXPECT_THROW(parse_train_choice(text), Error) << text;
  }
}

}  // namespace
}  // namespace linscan
