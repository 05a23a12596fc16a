#include "linscan/report/check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "linscan/base/error.h"
#include "unit/report/sample.h"

namespace linscan {
namespace {

using testing::has;
using testing::sample_document;

// The sample with the ranges that the registry declares.
Json sample(int blocks = 3) {
  Json document = sample_document(blocks);
  const auto declare = [&](const char* path, Json range) {
    document["metrics"][path] = {{"label", path}, {"range", std::move(range)}};
  };
  declare("cosine", {-1, 1});
  declare("linearity.update.held_out", {nullptr, 1});
  declare("norm.out", {0, nullptr});
  declare("geometry.intrinsic_dimension", {0, nullptr});
  return document;
}

CheckOutcome check(const Json& result,
                   const Json& baseline,
                   const std::vector<std::string>& tolerances = {},
                   const std::vector<std::string>& allowed = {}) {
  Tolerance tolerance;
  for (const std::string& text : tolerances) {
    add_tolerance(text, tolerance);
  }
  return check_result(result, baseline, tolerance, allowed);
}

// The message of the refusal.
std::string refusal(const Json& result,
                    const Json& baseline,
                    ErrorKind kind,
                    const std::vector<std::string>& tolerances = {},
                    const std::vector<std::string>& allowed = {}) {
  try {
    check(result, baseline, tolerances, allowed);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    EXPECT_FALSE(has(e.what(), "\n"));
    return e.what();
  }
  ADD_FAILURE() << "accepted";
  return "";
}

TEST(Check, EqualDocuments_Pass) {
  const CheckOutcome outcome = check(sample(), sample());
  EXPECT_TRUE(outcome.passed());
  EXPECT_GT(outcome.compared, 150);
  EXPECT_FALSE(outcome.nearest);
  const std::string text = render_check_table(outcome);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_TRUE(has(render_check_table(outcome), "none of them changed"));
}

TEST(Check, BoundedMetric_MovesByTheToleranceItself) {
  Json now = sample();
  now["blocks"][1]["cosine"] = sample()["blocks"][1]["cosine"].get<double>() + 0.0009;
  const CheckOutcome inside = check(now, sample());
  EXPECT_TRUE(inside.passed());
  ASSERT_TRUE(inside.nearest);
  EXPECT_EQ(inside.nearest->metric, "cosine");
  EXPECT_EQ(inside.nearest->block, "1");
  now["blocks"][1]["cosine"] = sample()["blocks"][1]["cosine"].get<double>() - 0.0011;
  const CheckOutcome outside = check(now, sample());
  ASSERT_EQ(outside.moved.size(), 1u);
  EXPECT_NEAR(*outside.moved[0].difference, -0.0011, 1e-12);
  EXPECT_DOUBLE_EQ(*outside.moved[0].allowed, 0.001);
}

TEST(Check, UnboundedMetric_MovesByAShareOfTheBaseline) {
  Json now = sample();
  now["blocks"][0]["norm"]["out"] = 11.0 * 1.0009;
  EXPECT_TRUE(check(now, sample()).passed());
  now["blocks"][0]["norm"]["out"] = 11.0 * 1.0011;
  const CheckOutcome outcome = check(now, sample());
  ASSERT_EQ(outcome.moved.size(), 1u);
  EXPECT_DOUBLE_EQ(*outcome.moved[0].allowed, 0.011);
}

TEST(Check, SmallNormOfAMetricWithoutDefinition_IsRelativeToo) {
  Json before = sample(), now = sample();
  before["blocks"][0]["unknown"] = 1e-6;
  now["blocks"][0]["unknown"] = 2e-6;
  EXPECT_EQ(check(now, before).moved.size(), 1u);
}

TEST(Check, BaselineOfZero_AllowsNoDifference) {
  Json before = sample(), now = sample();
  before["blocks"][0]["norm"]["out"] = 0.0;
  now["blocks"][0]["norm"]["out"] = 1e-300;
  EXPECT_EQ(check(now, before).moved.size(), 1u);
  now["blocks"][0]["norm"]["out"] = 0.0;
  EXPECT_TRUE(check(now, before).passed());
}

TEST(Check, HugeNegativeScore_IsComparedByItsMagnitude) {
  Json before = sample(), now = sample();
  before["blocks"][0]["linearity"]["update"]["held_out"] = -1e6;
  now["blocks"][0]["linearity"]["update"]["held_out"] = -1e6 + 500;
  EXPECT_TRUE(check(now, before).passed());
  now["blocks"][0]["linearity"]["update"]["held_out"] = -1e6 + 2000;
  EXPECT_FALSE(check(now, before).passed());
}

TEST(Check, Intervals_AreCheckedEndByEnd) {
  Json now = sample();
  now["blocks"][2]["linearity"]["update"]["held_out_ci"][1] = 0.99;
  const CheckOutcome outcome = check(now, sample());
  ASSERT_EQ(outcome.moved.size(), 1u);
  EXPECT_EQ(outcome.moved[0].metric, "linearity.update.held_out_ci.high");
  EXPECT_DOUBLE_EQ(*outcome.moved[0].allowed, 0.001);  // as its score
}

TEST(Check, PostNormAndEmbedding_AreCheckedToo) {
  Json now = sample();
  now["post_norm"]["cosine"] = 0.9;
  now["embedding"]["geometry"]["anisotropy"] = 0.9;
  const CheckOutcome outcome = check(now, sample());
  ASSERT_EQ(outcome.moved.size(), 2u);
  EXPECT_EQ(outcome.moved[0].block, "embedding");
  EXPECT_EQ(outcome.moved[1].block, "post_norm");
}

TEST(Check, ToleranceOfOneMetric_LongestNameWins) {
  Json now = sample();
  now["blocks"][0]["geometry"]["intrinsic_dimension"] = 11.5 * 1.04;
  EXPECT_FALSE(check(now, sample()).passed());
  EXPECT_TRUE(check(now, sample(), {"intrinsic_dimension=0.05"}).passed());
  EXPECT_TRUE(check(now, sample(), {"geometry=0.05"}).passed());
  EXPECT_FALSE(
      check(now, sample(), {"geometry.intrinsic_dimension=0.01", "geometry=0.05"}).passed());
  EXPECT_FALSE(check(now, sample(), {"geometry=0.05", "geometry=0.01"}).passed());
  EXPECT_TRUE(check(now, sample(), {"0.05"}).passed());
}

TEST(Check, ToleranceOfAName_CoversItsInterval) {
  Json now = sample();
  now["blocks"][2]["linearity"]["update"]["held_out_ci"][1] = 0.99;
  EXPECT_TRUE(check(now, sample(), {"update.held_out=1"}).passed());
}

TEST(Check, ToleranceOfNothing_IsAUsageError) {
  EXPECT_TRUE(has(refusal(sample(), sample(), ErrorKind::kUsage, {"intrinsic=0.1"}), "intrinsic"));
  for (const char* text : {"x", "-1", "nan", "inf", "1e", "=1", "cosine=", "cosine=a", "1 "}) {
    Tolerance tolerance;
    EXPECT_THROW(add_tolerance(text, tolerance), Error) << text;
  }
}

TEST(Check, NullAgainstNumber_Moved) {
  Json now = sample();
  now["blocks"][1]["cosine"] = nullptr;
  now["blocks"][1]["missing"]["cosine"] = "no variance";
  const CheckOutcome outcome = check(now, sample());
  ASSERT_EQ(outcome.moved.size(), 1u);
  EXPECT_FALSE(outcome.moved[0].now);
  EXPECT_EQ(outcome.moved[0].reason, "now: no variance");
  EXPECT_TRUE(has(render_check_table(outcome), "now: no variance"));
  const CheckOutcome reverse = check(sample(), now);
  ASSERT_EQ(reverse.moved.size(), 1u);
  EXPECT_EQ(reverse.moved[0].reason, "baseline: no variance");
  EXPECT_TRUE(check(now, now).passed());
}

TEST(Check, VanishedMetric_IsOneLine_NewOneIsOnlyNoted) {
  Json now = sample();
  for (Json& block : now["blocks"]) {
    block.erase("angular");
  }
  now["post_norm"].erase("angular");
  const CheckOutcome gone = check(now, sample());
  ASSERT_EQ(gone.moved.size(), 1u);
  EXPECT_EQ(gone.moved[0].metric, "angular");
  EXPECT_EQ(gone.moved[0].block, "all");
  const CheckOutcome extra = check(sample(), now);
  EXPECT_TRUE(extra.passed());
  EXPECT_EQ(extra.extra, std::vector<std::string>{"angular"});
  EXPECT_TRUE(has(render_check_table(extra), "not in the baseline and not checked: angular"));
}

TEST(Check, VanishedPostNormPoint_IsOneLine) {
  Json now = sample();
  now["post_norm"] = nullptr;
  const CheckOutcome outcome = check(now, sample());
  ASSERT_EQ(outcome.moved.size(), 1u);
  EXPECT_EQ(outcome.moved[0].block, "post_norm");
  EXPECT_EQ(check(sample(), now).extra, std::vector<std::string>{"post_norm"});
}

TEST(Check, FurthestMoves_ComeFirst) {
  Json now = sample();
  now["blocks"][0]["cosine"] = 0.9;
  now["blocks"][2]["cosine"] = -0.9;
  now["blocks"][1]["cosine"] = nullptr;
  const CheckOutcome outcome = check(now, sample());
  ASSERT_EQ(outcome.moved.size(), 3u);
  EXPECT_EQ(outcome.moved[0].block, "1");
  EXPECT_EQ(outcome.moved[1].block, "2");
  EXPECT_EQ(outcome.moved[2].block, "0");
}

TEST(Check, OtherRun_IsNotComparableUnlessAllowed) {
  const std::vector<std::pair<std::string, std::function<void(Json&)>>> changes = {
      {"weights", [](Json& json) { json["model"]["weights_sha256"] = std::string(64, 'c'); }},
      {"data", [](Json& json) { json["data"]["sha256"] = std::string(64, 'c'); }},
      {"tokens", [](Json& json) { json["n"] = 4095; }},
      {"ctx", [](Json& json) { json["data"]["ctx"] = 64; }},
      {"protocol", [](Json& json) { json["protocol"]["name"] = "paper"; }},
      {"folds", [](Json& json) { json["protocol"]["folds"] = 3; }},
      {"seed", [](Json& json) { json["seed"] = 1; }},
      {"dtype", [](Json& json) { json["compute"].erase("dtype"); }}};
  for (const auto& [name, change] : changes) {
    Json now = sample();
    change(now);
    const std::string text = refusal(now, sample(), ErrorKind::kInput);
    EXPECT_TRUE(has(text, "not comparable, they differ in " + name)) << text;
    EXPECT_TRUE(has(text, "--allow-different " + name)) << text;
    const CheckOutcome outcome = check(now, sample(), {}, {name});
    EXPECT_TRUE(outcome.passed());
    ASSERT_EQ(outcome.differing.size(), 1u);
    EXPECT_TRUE(has(render_check_table(outcome), "allowed to differ: " + name));
  }
}

TEST(Check, OtherModel_IsNeverComparable) {
  const std::string text = refusal(sample(3), sample(4), ErrorKind::kInput);
  EXPECT_TRUE(has(text, "model (baseline llama, 4 blocks")) << text;
  EXPECT_TRUE(has(text, "take a baseline of this model")) << text;
  refusal(sample(), sample(), ErrorKind::kUsage, {}, {"model"});
  refusal(sample(), sample(), ErrorKind::kUsage, {}, {"weather"});
}

TEST(Check, NothingInCommon_IsAnError) {
  Json bare = sample();
  bare["blocks"] = {{{"block", 0}}, {{"block", 1}}, {{"block", 2}}};
  bare["post_norm"] = nullptr;
  bare["embedding"] = nullptr;
  EXPECT_TRUE(has(refusal(bare, bare, ErrorKind::kInput), "no number in common"));
  EXPECT_TRUE(has(refusal(sample(), bare, ErrorKind::kInput), "no number in common"));
}

TEST(Check, InvalidDocuments_AreRefused) {
  refusal(Json::array(), sample(), ErrorKind::kInput);
  Json broken = sample();
  broken["blocks"][0]["cosine"] = "high";
  refusal(sample(), broken, ErrorKind::kInput);
}

TEST(Check, Document_HoldsEveryMove) {
  Json now = sample(40), before = sample(40);
  for (Json& block : now["blocks"]) {
    block["cosine"] = -1.0;
    block["angular"] = 0.7;
  }
  const CheckOutcome outcome = check(now, before);
  ASSERT_EQ(outcome.moved.size(), 80u);
  const Json document = check_document(outcome, Tolerance{});
  EXPECT_EQ(document["schema"], "linscan.check/1");
  EXPECT_EQ(document["passed"], false);
  EXPECT_EQ(document["moved"].size(), 80u);
  EXPECT_TRUE(has(render_check_table(outcome), "the first 50 are shown"));
  const std::string csv = render_check_csv(outcome);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 81);
  EXPECT_TRUE(has(render_check_markdown(outcome), "| block | metric |"));
}

TEST(Check, HostileText_StaysInItsPlace) {
  Json now = sample();
  now["blocks"][0]["cosine"] = nullptr;
  now["blocks"][0]["missing"]["cosine"] = "\x1b[2J|<b>,\"\n";
  const CheckOutcome outcome = check(now, sample());
  EXPECT_FALSE(has(render_check_table(outcome), "\x1b"));
  EXPECT_FALSE(has(render_check_markdown(outcome), "<b>") &&
               !has(render_check_markdown(outcome), "\\<b\\>"));
  const std::string csv = render_check_csv(outcome);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 2);
}

}  // namespace
}  // namespace linscan
