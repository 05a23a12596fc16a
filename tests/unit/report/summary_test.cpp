#include <gtest/gtest.h>

#include "report/facts.h"
#include "unit/report/sample.h"

namespace linscan {
namespace {

using testing::has;
using testing::sample_document;
using testing::sample_scores;

std::string summary_of(const Json& document) {
  const ResultDocument analysis(document);
  std::string out;
  for (const std::string& sentence : summarize(analysis)) {
    out += sentence + "\n";
  }
  return out;
}

Json with_updates(const std::vector<double>& held_out) {
  Json document = sample_document(static_cast<int>(held_out.size()));
  for (size_t i = 0; i < held_out.size(); ++i) {
    document["blocks"][i]["linearity"]["update"] = sample_scores(held_out[i]);
  }
  return document;
}

TEST(Summary, Update_NamesBothEndsAndTheMedian) {
  const std::string text = summary_of(with_updates({0.5, 0.9, 0.2, 0.4}));
  EXPECT_TRUE(has(text,
                  "block 1 is the most linear with 0.900 [0.895, 0.905] and block 2 the least with "
                  "0.200 [0.195, 0.205]; the median over 4 blocks is 0.450."));
  EXPECT_FALSE(has(text, "overlaps"));
}

TEST(Summary, OverlappingIntervals_LeaveTheOrderOpen) {
  const std::string text = summary_of(with_updates({0.5, 0.900, 0.899, 0.901}));
  EXPECT_TRUE(has(text, "The interval of block 3 overlaps that of 2 others"));
}

TEST(Summary, NegativeScores_AreSaid) {
  EXPECT_TRUE(
      has(summary_of(with_updates({0.5, -0.2})), "In 1 block the held-out score is negative"));
}

TEST(Summary, ScaledIdentity_GivesTheShareThatTheMapAdds) {
  Json document = sample_document(1);
  document["blocks"][0]["baselines"]["scaled_identity"] = 0.9;
  document["blocks"][0]["linearity"]["stream"]["in_sample"] = 0.95;
  EXPECT_TRUE(has(summary_of(document), "explains 90 % of the stream's variance"));
  EXPECT_TRUE(has(summary_of(document), "removes 50 % of what that scalar leaves"));
}

TEST(Summary, SmallSample_IsSaid) {
  Json document = sample_document(2);
  document["n"] = 80;
  EXPECT_TRUE(has(summary_of(document), "n is only 2.5 d"));
}

TEST(Summary, NoScores_NoSentences) {
  Json document = sample_document(0);
  EXPECT_EQ(summary_of(document), "");
}

TEST(Facts, SampleSizeAndNull_StandFirst) {
  const Json document = sample_document(2);
  const std::vector<Fact> facts = key_facts(ResultDocument(document));
  ASSERT_GE(facts.size(), 4u);
  EXPECT_EQ(facts[0].value, "4,096");
  EXPECT_EQ(facts[2].value, "128");
  EXPECT_EQ(facts[3].value, "0.0078");
}

}  // namespace
}  // namespace linscan
