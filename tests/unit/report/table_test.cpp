#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "linscan/report/report.h"
#include "report/text.h"
#include "unit/report/sample.h"

namespace linscan {
namespace {

using testing::has;
using testing::sample_document;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
  }
  return lines;
}

// Every renderer takes every shape that the schema allows.
void expect_renders(const Json& document) {
  for (const auto render : {render_table, render_markdown, render_csv, render_html}) {
    const std::string text = render(document);
    EXPECT_FALSE(text.empty());
    EXPECT_EQ(text, render(document));  // same document, same bytes
    EXPECT_FALSE(has(text, "nan"));
  }
}

TEST(RenderTable, Sample_FitsATerminal) {
  const std::string text = render_table(sample_document(24));
  for (const std::string& line : lines_of(text)) {
    EXPECT_LE(display_width(line), 120) << line;
  }
  EXPECT_TRUE(has(text, "n 4,096 · d 32 · n / d 128 · null 0.0078"));
  EXPECT_TRUE(has(text, "0.700 [0.695, 0.705]"));
  EXPECT_TRUE(has(text, "+norm"));
  EXPECT_TRUE(has(text, "warning   scores depend on the text"));
}

TEST(RenderTable, MissingNumber_IsADashWithItsReason) {
  Json document = sample_document(3);
  document["blocks"][1]["linearity"]["update"]["held_out"] = nullptr;
  document["blocks"][1]["missing"]["linearity.update.held_out"] = "only one document";
  const std::string text = render_table(document);
  EXPECT_TRUE(has(text, "–         linearity.update.held_out: only one document (1)"));
}

TEST(RenderTable, SameReasonForManyNumbers_IsOneNote) {
  Json document = sample_document(3);
  document["blocks"][1] = {{"block", 1}, {"missing", {{"*", "a value is not finite"}}}};
  const std::string text = render_table(document);
  EXPECT_TRUE(
      has(text, "linearity.stream.held_out and others, 9 metrics: a value is not finite (1)"))
      << text;
}

TEST(RenderTable, ControlCharacters_DoNotReachTheTerminal) {
  Json document = sample_document(1);
  document["model"]["path"] = "evil\x1b]0;title\x07";
  document["warnings"] = {"a\x1b[2Jb"};
  EXPECT_FALSE(has(render_table(document), "\x1b"));
}

TEST(RenderCsv, Rows_HaveTheHeadersFields) {
  Json document = sample_document(2);
  document["blocks"][0]["cosine"] = nullptr;
  const std::string csv = render_csv(document);
  EXPECT_TRUE(csv.starts_with("block,linearity.stream.in_sample,"));
  EXPECT_TRUE(has(csv, "linearity.stream.held_out_ci.low,linearity.stream.held_out_ci.high"));
  const std::vector<std::string> lines = lines_of(csv);
  ASSERT_EQ(lines.size(), 4u);
  const auto commas = std::count(lines[0].begin(), lines[0].end(), ',');
  for (const std::string& line : lines) {
    EXPECT_EQ(std::count(line.begin(), line.end(), ','), commas);
    EXPECT_EQ(line.back(), '\r');
  }
  EXPECT_TRUE(has(lines[1], ",,"));
  EXPECT_TRUE(lines[3].starts_with("post_norm,"));
  EXPECT_TRUE(has(csv, "0.7200000000000000") || has(csv, ",0.72,"));
}

TEST(RenderMarkdown, HostileName_StaysInItsCell) {
  Json document = sample_document(1);
  document["model"]["path"] = "a|b<img src=x>\n# head";
  const std::string text = render_markdown(document);
  EXPECT_TRUE(has(text, "# Linearity of a\\|b\\<img src=x\\> \\# head\n"));
  EXPECT_FALSE(has(text, "\n# head"));
}

TEST(Renderers, OneBlock_IsEnough) {
  expect_renders(sample_document(1));
}

TEST(Renderers, NoBlocks_AreAllowed) {
  Json document = sample_document(0);
  expect_renders(document);
  document["post_norm"] = nullptr;
  expect_renders(document);
}

TEST(Renderers, ManyBlocks_Render) {
  expect_renders(sample_document(96));
}

TEST(Renderers, AbsentGroups_Render) {
  Json document = sample_document(3);
  for (const char* group : {"baselines", "geometry", "tokens", "norm", "linearity"}) {
    for (Json& block : document["blocks"]) {
      block.erase(group);
    }
    document["post_norm"].erase(group);
    expect_renders(document);
  }
}

TEST(Renderers, NoMetricsAtAll_SayIt) {
  Json document = sample_document(0);
  document["blocks"] = {{{"block", 0}}, {{"block", 1}}};
  document["post_norm"] = Json::object();
  document["embedding"] = Json::object();
  document["warnings"] = Json::array();
  expect_renders(document);
  EXPECT_TRUE(has(render_table(document), "no metric of the blocks is in this result"));
}

TEST(Renderers, EveryNumberNull_Render) {
  Json document = sample_document(3);
  const std::function<void(Json&)> erase_numbers = [&](Json& json) {
    if (json.is_number()) {
      json = nullptr;
    } else if (json.is_structured()) {
      for (Json& child : json) {
        erase_numbers(child);
      }
    }
  };
  for (size_t i = 0; i < 3; ++i) {
    erase_numbers(document["blocks"][i]);
    document["blocks"][i]["block"] = i;
  }
  erase_numbers(document["post_norm"]);
  expect_renders(document);
}

TEST(Renderers, ExtremeScores_Render) {
  Json document = sample_document(4);
  document["blocks"][0]["linearity"]["update"]["held_out"] = -1e99;
  document["blocks"][1]["linearity"]["update"]["held_out"] = -3.5;
  document["blocks"][2]["linearity"]["stream"]["in_sample"] = 1.0;
  document["blocks"][2]["linearity"]["stream"]["held_out_ci"] = {-1e50, 1e50};
  document["blocks"][3]["norm"]["ratio"] = 0.0;
  expect_renders(document);
}

TEST(Renderers, MinimalDocument_Renders) {
  expect_renders({{"schema", "linscan.analysis/1"},
                  {"model", {{"path", ""}}},
                  {"n", 0},
                  {"d", 0},
                  {"blocks", Json::array()}});
}

}  // namespace
}  // namespace linscan
