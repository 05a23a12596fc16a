#include <gtest/gtest.h>

#include "linscan/base/error.h"
#include "report/dynamics.h"
#include "unit/report/sample.h"

namespace linscan {
namespace {

using testing::has;

std::vector<int64_t> steps_of(const std::vector<TrainingLog::Point>& points) {
  std::vector<int64_t> steps;
  for (const TrainingLog::Point& point : points) {
    steps.push_back(point.step);
  }
  return steps;
}

TEST(ParseTrainingLog, Lines_BecomeLosses) {
  const TrainingLog log = parse_training_log(
      "{\"step\": 1, \"loss\": 5.5, \"parts\": {\"cross_entropy\": 5.0, \"regularizer\": 0.5}}\n"
      "\n"
      "{\"step\": 1, \"evaluation\": {\"loss\": 4.75, \"perplexity\": 115.6}}\r\n"
      "{\"step\": 2, \"loss\": 4.5, \"parts\": {\"cross_entropy\": 4.0, \"regularizer\": 0.5}}\n",
      "log");
  ASSERT_EQ(log.training.size(), 2u);
  EXPECT_TRUE(log.cross_entropy);
  EXPECT_EQ(log.training[1].step, 2);
  EXPECT_EQ(log.training[1].loss, 4.0);
  ASSERT_EQ(log.held_out.size(), 1u);
  EXPECT_EQ(log.held_out[0].loss, 4.75);
  EXPECT_TRUE(log.notes.empty());
}

TEST(ParseTrainingLog, LineWithoutCrossEntropy_MakesItTheWholeLoss) {
  const TrainingLog log = parse_training_log(
      "{\"step\": 1, \"loss\": 5.5, \"parts\": {\"cross_entropy\": 5.0}}\n"
      "{\"step\": 2, \"loss\": 4.5, \"parts\": {\"kl\": 4.0}}\n",
      "log");
  EXPECT_FALSE(log.cross_entropy);
  ASSERT_EQ(log.training.size(), 2u);
  EXPECT_EQ(log.training[0].loss, 5.5);
}

TEST(ParseTrainingLog, UnfinishedLastLine_IsLeftOutWithANote) {
  for (const char* end : {"{\"step\": 2, \"lo", "{\"step\": 2, \"loss\": 1}"}) {
    const TrainingLog log =
        parse_training_log(std::string("{\"step\": 1, \"loss\": 5}\n") + end, "run/train.jsonl");
    EXPECT_EQ(steps_of(log.training), std::vector<int64_t>{1});
    ASSERT_EQ(log.notes.size(), 1u);
    EXPECT_TRUE(has(log.notes[0], "run/train.jsonl:2: the last line is unfinished"));
  }
}

TEST(ParseTrainingLog, StepThatGoesBack_ReplacesWhatWasLoggedFromIt) {
  const TrainingLog log = parse_training_log(
      "{\"step\": 1, \"loss\": 5}\n{\"step\": 2, \"loss\": 4}\n{\"step\": 3, \"loss\": 3}\n"
      "{\"step\": 2, \"loss\": 4.5}\n",
      "log");
  EXPECT_EQ(steps_of(log.training), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(log.training[1].loss, 4.5);
}

TEST(ParseTrainingLog, NullAndOtherMembers_AreLeftOut) {
  const TrainingLog log = parse_training_log(
      "{\"step\": 1, \"loss\": null}\n{\"step\": 2, \"remark\": []}\n"
      "{\"step\": 3, \"evaluation\": null}\n{\"step\": 4, \"evaluation\": {\"loss\": null}}\n",
      "log");
  EXPECT_TRUE(log.training.empty() && log.held_out.empty());
  EXPECT_TRUE(parse_training_log("", "log").training.empty());
}

TEST(ParseTrainingLog, MalformedLine_IsNamedByFileAndLine) {
  for (const char* bad : {"{",
                          "[]",
                          "7",
                          "\xff",
                          "{\"loss\": 1}",
                          "{\"step\": -1, \"loss\": 1}",
                          "{\"step\": 1.5, \"loss\": 1}",
                          "{\"step\": 18446744073709551615, \"loss\": 1}",
                          "{\"step\": 1, \"loss\": \"x\"}",
                          "{\"step\": 1, \"loss\": 1e300}",
                          "{\"step\": 1, \"loss\": 1, \"parts\": 3}",
                          "{\"step\": 1, \"evaluation\": 3}",
                          "{\"step\": 1, \"evaluation\": {\"loss\": []}}",
                          "{\"step\": 1, \"step\": 2}"}) {
    const std::string text = std::string("{\"step\": 0, \"loss\": 1}\n") + bad + "\n";
    try {
      parse_training_log(text, "run/train.jsonl");
      ADD_FAILURE() << "accepted " << bad;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kInput);
      EXPECT_TRUE(has(e.what(), "run/train.jsonl:2")) << e.what();
    }
  }
}

TEST(Smoothed, Stretches_AreMeansOfEqualWidthOnALogAxis) {
  std::vector<TrainingLog::Point> points;
  for (int64_t step = 1; step <= 1000; ++step) {
    points.push_back({step, step % 2 == 0 ? 2.0 : 4.0});
  }
  const std::vector<TrainingLog::Point> out = smoothed(points);
  EXPECT_EQ(out.front().step, 1);
  EXPECT_EQ(out.front().loss, 4.0);
  EXPECT_EQ(out[24].step, 26);  // steps 25 and 26 are the first that share a stretch
  EXPECT_EQ(out[24].loss, 3.0);
  EXPECT_EQ(out.back().step, 1000);
  EXPECT_LT(out.size(), 140u);
  EXPECT_TRUE(smoothed({}).empty());
}

TEST(Smoothed, HugeSteps_End) {
  EXPECT_EQ(smoothed({{0, 1.0}, {INT64_MAX - 1, 2.0}, {INT64_MAX, 3.0}}).size(), 2u);
}

}  // namespace
}  // namespace linscan
