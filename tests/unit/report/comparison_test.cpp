#include "report/comparison.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "linscan/base/error.h"
#include "report/comparison_figures.h"
#include "report/comparison_tables.h"
#include "unit/report/sample.h"

namespace linscan {
namespace {

using testing::count;
using testing::has;
using testing::sample_document;

std::vector<ComparisonInput> inputs_of(const std::vector<Json>& documents) {
  std::vector<ComparisonInput> inputs;
  for (size_t i = 0; i < documents.size(); ++i) {
    inputs.push_back({&documents[i], "file" + std::to_string(i), ""});
  }
  return inputs;
}

// Every renderer takes every shape that the schema allows.
void expect_renders(const std::vector<Json>& documents) {
  const std::vector<ComparisonInput> inputs = inputs_of(documents);
  const Json document = make_comparison(inputs);
  EXPECT_EQ(document.at("schema"), "linscan.comparison/1");
  for (const auto render : {render_comparison_table,
                            render_comparison_markdown,
                            render_comparison_csv,
                            render_comparison_html}) {
    const std::string text = render(inputs);
    EXPECT_FALSE(text.empty());
    EXPECT_EQ(text, render(inputs));  // same documents, same bytes
    EXPECT_FALSE(has(text, "nan"));
  }
}

std::vector<std::string> labels_of(const std::vector<Json>& documents) {
  std::vector<std::string> labels;
  const Comparison comparison(inputs_of(documents));
  for (const ComparedModel& model : comparison.models()) {
    labels.push_back(model.label);
  }
  return labels;
}

Json without_held_out(Json document) {
  const auto strip = [](Json& row) {
    for (const char* variant : {"stream", "update"}) {
      row["linearity"][variant].erase("held_out");
      row["linearity"][variant].erase("held_out_ci");
    }
  };
  for (Json& block : document["blocks"]) {
    strip(block);
  }
  strip(document["post_norm"]);
  document["protocol"]["name"] = "paper";
  return document;
}

TEST(Comparison, Depth_RunsFromZeroToOne) {
  const Json document = make_comparison(inputs_of({sample_document(5), sample_document(3)}));
  EXPECT_EQ(document["models"][0]["depth"], Json({0.0, 0.25, 0.5, 0.75, 1.0}));
  EXPECT_EQ(document["models"][1]["depth"], Json({0.0, 0.5, 1.0}));
}

TEST(Comparison, SingleBlock_StandsAtDepthZero) {
  const std::vector<Json> documents = {sample_document(1), sample_document(4)};
  EXPECT_EQ(make_comparison(inputs_of(documents))["models"][0]["depth"], Json::array({0.0}));
  expect_renders(documents);
}

TEST(Comparison, Curves_KeepValuesIntervalsAndGaps) {
  Json sample = sample_document(3);
  sample["blocks"][1]["linearity"]["update"]["held_out"] = nullptr;
  sample["blocks"][1]["linearity"]["update"]["held_out_ci"] = nullptr;
  const std::vector<Json> documents = {sample};
  const Json comparison = make_comparison(inputs_of(documents));
  const Json& curve = comparison["models"][0]["curves"]["linearity.update.held_out"];
  const Json& scores = sample["blocks"][2]["linearity"]["update"];
  EXPECT_EQ(curve["values"][1], nullptr);
  EXPECT_EQ(curve["low"][1], nullptr);
  EXPECT_EQ(curve["values"][2], scores["held_out"]);
  EXPECT_EQ(curve["low"][2], scores["held_out_ci"][0]);
  EXPECT_EQ(curve["high"][2], scores["held_out_ci"][1]);
  EXPECT_EQ(curve["post_norm"], sample["post_norm"]["linearity"]["update"]["held_out"]);
}

TEST(Comparison, Summary_SkipsMissingBlocksAndTheFirstOfEqualsWins) {
  Json sample = sample_document(4);
  sample["blocks"][0]["cosine"] = nullptr;
  sample["blocks"][1]["cosine"] = 0.5;
  sample["blocks"][2]["cosine"] = 0.5;
  sample["blocks"][3]["cosine"] = 0.8;
  const auto summary = summarize_metric(ResultDocument(sample), "cosine");
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->blocks, 3u);
  EXPECT_DOUBLE_EQ(summary->mean, 0.6);
  EXPECT_EQ(summary->lowest.block, 1u);
  EXPECT_EQ(summary->highest.block, 3u);
  EXPECT_FALSE(summarize_metric(ResultDocument(sample), "no.such"));
}

TEST(Comparison, EqualNames_AreToldApartByWhatDiffers) {
  Json first = sample_document(3), second = sample_document(3), third = sample_document(3);
  second["data"]["ctx"] = 128;
  third["data"]["ctx"] = 64;
  third["compute"]["dtype"] = "bf16";
  EXPECT_EQ(labels_of({first, second, third}),
            (std::vector<std::string>{"sample (ctx 256)", "sample (ctx 128)", "sample (ctx 64)"}));
  EXPECT_EQ(labels_of({first, first}), (std::vector<std::string>{"sample", "sample #2"}));
  EXPECT_EQ(
      labels_of({first, second, first}),
      (std::vector<std::string>{"sample (ctx 256)", "sample (ctx 128)", "sample (ctx 256) #2"}));
}

TEST(Comparison, LabelThatLooksLikeANumberedOne_StaysUnique) {
  const Json sample = sample_document(2);
  const std::vector<ComparisonInput> inputs = {
      {&sample, "a", "x #2"}, {&sample, "b", "x"}, {&sample, "c", "x"}};
  std::set<std::string> labels;
  const Comparison comparison(inputs);
  for (const ComparedModel& model : comparison.models()) {
    labels.insert(model.label);
  }
  EXPECT_EQ(labels.size(), 3u);
}

TEST(Comparison, EqualProtocols_NeedNoRemark) {
  Json other = sample_document(6);
  other["model"]["path"] = "models/other";
  EXPECT_TRUE(Comparison(inputs_of({sample_document(3), other})).differences().empty());
}

TEST(Comparison, EveryDifferenceOfProtocol_IsSaidWithItsModels) {
  Json other = sample_document(3);
  other["model"]["path"] = "models/other";
  other["data"]["sha256"] = std::string(64, 'b');
  other["data"]["ctx"] = 128;
  other["protocol"]["folds"] = 3;
  other["compute"]["dtype"] = "bf16";
  other["seed"] = 7;
  other["n"] = 1024;
  const std::vector<Json> documents = {sample_document(3), other};
  std::string all;
  for (const std::string& text : Comparison(inputs_of(documents)).differences()) {
    all += text + "\n";
  }
  for (const char* part : {"token ids differ: not stated (sample); bbbbbbbb (other)",
                           "window length differs: 256 (sample); 128 (other)",
                           "held-out folds differ: 5 by document (sample); 3 by document (other)",
                           "dtype of the matmuls differs: fp32 (sample); bf16 (other)",
                           "seed differs: 0 (sample); 7 (other)",
                           "n differs: 4,096 (sample); 1,024 (other)",
                           "n / d differs: 128 (sample); 32.0 (other)"}) {
    EXPECT_TRUE(has(all, part)) << part << "\nin\n" << all;
  }
  for (const auto render :
       {render_comparison_table, render_comparison_markdown, render_comparison_html}) {
    EXPECT_TRUE(has(render(inputs_of(documents)), "window length differs"));
  }
}

TEST(Comparison, PaperResult_StandsInSampleAndIsMarked) {
  Json paper = without_held_out(sample_document(3));
  paper["model"]["path"] = "models/paper";
  const std::vector<Json> documents = {sample_document(3), paper};
  const Comparison comparison(inputs_of(documents));
  EXPECT_TRUE(comparison.mixed(kUpdateScore));
  EXPECT_EQ(chosen_path(comparison.models()[1].analysis, kUpdateScore),
            "linearity.update.in_sample");
  const TextTable table = summary_table(comparison, std::span(kComparedMetrics).first(1));
  EXPECT_FALSE(table.rows[0][1].ends_with(kInSampleMark));
  EXPECT_TRUE(table.rows[1][1].ends_with(kInSampleMark));
  const std::string html = render_comparison_html(inputs_of(documents));
  // Beside the key in figures 1 and 2, and over the column of their data.
  EXPECT_EQ(count(html, "paper (in sample)</span>"), 2u);
  EXPECT_EQ(count(html, "paper (in sample)</th>"), 2u);
  EXPECT_TRUE(has(html, "id=\"fig-in-sample\""));
  EXPECT_TRUE(has(html, "R² is in sample for paper"));
}

TEST(Comparison, AllInSample_NeedsNoFigureOfItsOwn) {
  const std::vector<Json> documents = {without_held_out(sample_document(3))};
  const std::string html = render_comparison_html(inputs_of(documents));
  EXPECT_FALSE(has(html, "id=\"fig-in-sample\""));
  EXPECT_TRUE(has(html, "In sample: none of the results has a held-out score."));
}

TEST(Comparison, ModelStyles_AreDistinct) {
  std::set<std::tuple<int, LineStyle, MarkStyle>> seen;
  for (size_t i = 0; i < 120; ++i) {
    const ChartSeries style = model_style(i);
    EXPECT_TRUE(seen.insert({style.color, style.line, style.mark}).second) << i;
  }
}

TEST(RenderComparisonCsv, Rows_AreLongForm) {
  const std::vector<Json> documents = {sample_document(3)};
  std::istringstream in(render_comparison_csv(inputs_of(documents)));
  std::string line;
  std::getline(in, line);
  EXPECT_EQ(line, "model,block,depth,metric,value,low,high\r");
  std::getline(in, line);
  EXPECT_TRUE(line.starts_with("sample,0,0,linearity.update.held_out,0.7,0.69")) << line;
  while (std::getline(in, line)) {
    EXPECT_EQ(std::count(line.begin(), line.end(), ','), 6) << line;
  }
}

TEST(RenderComparisonHtml, TwentyModels_HaveEachAKeyPerFigure) {
  std::vector<Json> documents(20, sample_document(24));
  for (size_t i = 0; i < documents.size(); ++i) {
    documents[i]["model"]["path"] = "models/m" + std::to_string(i);
  }
  const std::string html = render_comparison_html(inputs_of(documents));
  EXPECT_EQ(count(html, "class=\"names\""), 4u);
  EXPECT_EQ(count(html, "class=\"key\""), 20u * 5);  // the table of models and four figures
}

TEST(RenderComparisonHtml, HostileStrings_StayText) {
  const std::string attack = "</title></style><script>alert(1)</script>\"'><img src=x onerror=y>";
  Json sample = sample_document(2);
  sample["model"]["path"] = attack;
  sample["data"]["sha256"] = attack;
  sample["data"]["files"] = {attack};
  sample["warnings"] = {attack};
  sample["config"][attack] = attack;
  sample["protocol"]["name"] = attack;
  const std::vector<Json> documents = {sample, sample_document(3)};
  const std::string html = render_comparison_html(inputs_of(documents));
  EXPECT_EQ(count(html, "<script"), 1u);  // the embedded document
  EXPECT_EQ(count(html, "</script>"), 1u);
  EXPECT_EQ(count(html, "<img"), 0u);
}

TEST(RenderComparisonHtml, Page_LoadsNothing) {
  const std::vector<Json> documents = {sample_document(12), sample_document(3)};
  const std::string html = render_comparison_html(inputs_of(documents));
  for (const char* part : {"http://", "https://", " src=", "url(", "@import", "<link"}) {
    EXPECT_FALSE(has(html, part)) << part;
  }
  EXPECT_TRUE(has(html, "default-src &#39;none&#39;"));
}

TEST(RenderComparisonHtml, Ids_AreUniqueAndTheDocumentReadsBack) {
  const std::vector<Json> documents = {sample_document(12), without_held_out(sample_document(6))};
  const std::string html = render_comparison_html(inputs_of(documents));
  const std::string page = html.substr(0, html.find("<script"));
  std::set<std::string> seen;
  for (size_t at = page.find(" id=\""); at != std::string::npos; at = page.find(" id=\"", at + 1)) {
    const std::string id = page.substr(at + 5, page.find('"', at + 5) - at - 5);
    EXPECT_TRUE(seen.insert(id).second) << id;
  }
  const std::string opening = "<script type=\"application/json\" id=\"result\">";
  const size_t from = html.find(opening) + opening.size();
  EXPECT_EQ(Json::parse(html.substr(from, html.find("</script>", from) - from)),
            make_comparison(inputs_of(documents)));
}

TEST(RenderComparisonTable, ControlCharacters_DoNotReachTheTerminal) {
  Json sample = sample_document(1);
  sample["model"]["path"] = "evil\x1b]0;title\x07";
  sample["data"]["sha256"] = "\x1b[2J\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9";
  const std::vector<Json> documents = {sample};
  EXPECT_FALSE(has(render_comparison_table(inputs_of(documents)), "\x1b"));
  expect_renders(documents);
}

TEST(Comparison, NoBlocksAndNoMetrics_Render) {
  Json empty = sample_document(0);
  empty["post_norm"] = nullptr;
  expect_renders({empty});
  Json bare = sample_document(0);
  bare["blocks"] = {{{"block", 0}}, {{"block", 1}}};
  bare["post_norm"] = nullptr;
  expect_renders({bare, empty, sample_document(2)});
  const std::vector<Json> minimal = {{{"schema", "linscan.analysis/1"},
                                      {"model", {{"path", ""}}},
                                      {"n", 0},
                                      {"d", 0},
                                      {"blocks", Json::array()}}};
  expect_renders(minimal);
  EXPECT_TRUE(has(render_comparison_table(inputs_of(minimal)),
                  "no metric of the blocks is in these results"));
}

TEST(Comparison, ExtremeNumbers_Render) {
  Json sample = sample_document(12);
  sample["blocks"][0]["linearity"]["update"]["held_out"] = -1e99;
  sample["blocks"][1]["linearity"]["stream"]["in_sample"] = 1.0;
  sample["blocks"][2]["linearity"]["stream"]["held_out_ci"] = {-1e50, 1e50};
  sample["blocks"][3]["norm"]["ratio"] = 0.0;
  sample["blocks"][4]["block_influence"] = -1e-17;
  sample["blocks"][5]["geometry"]["effective_rank"] = 1e100;
  sample["n"] = INT64_MAX;
  expect_renders({sample, sample_document(3)});
}

TEST(Comparison, BadInput_IsNamedByItsSource) {
  const Json good = sample_document(2), bad = Json::array();
  const std::vector<ComparisonInput> inputs = {{&good, "good.json", ""}, {&bad, "bad.json", ""}};
  try {
    make_comparison(inputs);
    FAIL() << "accepted";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kInput);
    EXPECT_TRUE(has(e.what(), "bad.json: result: expected a JSON object")) << e.what();
  }
  EXPECT_THROW(make_comparison({}), Error);
}

}  // namespace
}  // namespace linscan
