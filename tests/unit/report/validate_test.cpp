#include <gtest/gtest.h>

#include "linscan/base/error.h"
#include "linscan/report/report.h"
#include "unit/report/sample.h"

namespace linscan {
namespace {

using testing::sample_document;

// The message of the refusal, empty when the document is accepted.
std::string refusal(const Json& document) {
  try {
    validate_analysis(document);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kInput);
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
    return e.what();
  }
  return "";
}

void expect_refusal(const Json& document, const std::string& part) {
  EXPECT_NE(refusal(document).find(part), std::string::npos) << refusal(document);
}

TEST(ValidateAnalysis, Sample_IsAccepted) {
  EXPECT_EQ(refusal(sample_document(3)), "");
}

TEST(ValidateAnalysis, AbsentGroupsAndNulls_AreAccepted) {
  Json document = sample_document(2);
  document["blocks"][0].erase("baselines");
  document["blocks"][1] = {{"block", 1}};
  document["blocks"][0]["linearity"]["update"]["held_out"] = nullptr;
  document["blocks"][0]["linearity"]["update"]["held_out_ci"] = nullptr;
  document["post_norm"] = nullptr;
  document.erase("metrics");
  document.erase("embedding");
  document.erase("compute");
  EXPECT_EQ(refusal(document), "");
}

TEST(ValidateAnalysis, WrongSchema_NamesBoth) {
  Json document = sample_document(1);
  document["schema"] = "linscan.eval/1";
  expect_refusal(document, "schema: got \"linscan.eval/1\", expected \"linscan.analysis/1\"");
  expect_refusal(Json::array(), "expected a JSON object");
  expect_refusal(Json::object(), "schema is missing");
}

TEST(ValidateAnalysis, WrongTypes_NameThePath) {
  Json document = sample_document(2);
  document["blocks"][1]["norm"]["in"] = "ten";
  expect_refusal(document, "blocks[1].norm.in: expected a number or null, got string");
  document = sample_document(2);
  document["blocks"][1]["linearity"]["stream"]["held_out_ci"] = {1, 2, 3};
  expect_refusal(document, "blocks[1].linearity.stream.held_out_ci: expected an interval");
  document = sample_document(2);
  document["n"] = -5;
  expect_refusal(document, "n: -5 is not a count");
  document["n"] = 1.5;
  expect_refusal(document, "n: expected a whole number");
  document = sample_document(2);
  document["model"]["path"] = 7;
  expect_refusal(document, "model.path: expected a string");
  document = sample_document(2);
  document["warnings"] = {1};
  expect_refusal(document, "warnings[0]: expected a string");
  document = sample_document(2);
  document["metrics"]["x"] = 3;
  expect_refusal(document, "metrics[\"x\"]: expected an object");
  document = sample_document(2);
  document["blocks"][0]["missing"]["norm.in"] = 3;
  expect_refusal(document, "blocks[0].missing[\"norm.in\"]: expected a reason");
}

TEST(ValidateAnalysis, BlocksOutOfOrder_AreRefused) {
  Json document = sample_document(3);
  document["blocks"][2]["block"] = 5;
  expect_refusal(document, "blocks[2].block: got 5, expected 2");
  document["blocks"][2].erase("block");
  expect_refusal(document, "blocks[2].block is missing");
}

TEST(ValidateAnalysis, HostileNamesAndSizes_AreRefused) {
  Json document = sample_document(1);
  document["blocks"][0]["a.b"] = 1;
  expect_refusal(document, "is not a metric name");
  document = sample_document(1);
  document["blocks"][0]["baselines"]["rank"]["-1"] = 0.5;
  expect_refusal(document, "\"-1\" is not a rank");
  document = sample_document(1);
  document["blocks"][0]["norm"]["in"] = 1e300;
  expect_refusal(document, "not a plausible figure");
  document = sample_document(1);
  for (int i = 0; i < 600; ++i) {
    document["blocks"][0]["m" + std::to_string(i)] = 1;
  }
  expect_refusal(document, "more than 512 metrics");
  document = sample_document(1);
  Json deep = 1;
  for (int i = 0; i < 10; ++i) {
    deep = Json{{"x", deep}};
  }
  document["blocks"][0]["deep"] = deep;
  expect_refusal(document, "nested deeper");
  document = sample_document(0);
  for (int i = 0; i < 5000; ++i) {
    document["blocks"].push_back({{"block", i}});
  }
  expect_refusal(document, "more than 4096");
}

}  // namespace
}  // namespace linscan
