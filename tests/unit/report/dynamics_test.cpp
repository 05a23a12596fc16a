#include "report/dynamics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "linscan/base/error.h"
#include "report/dynamics_figures.h"
#include "report/dynamics_tables.h"
#include "unit/report/sample.h"

namespace linscan {
namespace {

using testing::count;
using testing::has;
using testing::sample_document;

// Results of one run at these steps, whose update scores fall with the step.
std::vector<Json> documents_at(const std::vector<int64_t>& steps, int blocks) {
  std::vector<Json> documents;
  for (const int64_t step : steps) {
    documents.push_back(sample_document(blocks));
    for (Json& block : documents.back()["blocks"]) {
      block["linearity"]["update"]["held_out"] =
          0.9 - 0.01 * static_cast<double>(step) - 0.001 * block["block"].get<int>();
    }
    documents.back()["training"] = {{"step", step},
                                    {"tokens", std::min(step, int64_t{1} << 40) * 4096}};
  }
  return documents;
}

DynamicsRun run_of(const std::vector<Json>& documents, const std::string& label) {
  DynamicsRun run;
  run.label = label;
  for (const Json& document : documents) {
    const int64_t step = training_step(document).value();
    run.points.push_back({step, &document, "step" + std::to_string(step) + ".json"});
  }
  return run;
}

void expect_renders(const std::vector<DynamicsRun>& runs) {
  EXPECT_EQ(make_dynamics(runs).at("schema"), "linscan.dynamics/1");
  for (const auto render : {render_dynamics_table,
                            render_dynamics_markdown,
                            render_dynamics_csv,
                            render_dynamics_html}) {
    const std::string text = render(runs);
    EXPECT_FALSE(text.empty());
    EXPECT_EQ(text, render(runs));
    EXPECT_FALSE(has(text, "nan"));
    EXPECT_FALSE(has(text, "inf,"));
  }
}

template <typename Body>
void expect_error(Body body, const std::string& part) {
  try {
    body();
    FAIL() << "accepted, expected: " << part;
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kInput);
    EXPECT_TRUE(has(e.what(), part)) << e.what();
  }
}

TEST(TrainingStep, Document_GivesItsStepOrNothing) {
  EXPECT_EQ(training_step(documents_at({7}, 1)[0]), 7);
  EXPECT_EQ(training_step(sample_document(1)), std::nullopt);
  EXPECT_EQ(training_step(Json::array()), std::nullopt);
  for (const Json& bad : {Json(3), Json{{"step", -1}}, Json{{"step", 1.5}}, Json::object()}) {
    Json document = sample_document(1);
    document["training"] = bad;
    EXPECT_THROW(training_step(document), Error) << bad;
  }
}

TEST(Dynamics, Points_AreSortedAndAveragedOverBlocks) {
  const std::vector<Json> documents = documents_at({10, 0, 3}, 3);
  const Json json = make_dynamics({run_of(documents, "a")});
  const Json& run = json["runs"][0];
  EXPECT_EQ(run["steps"], Json({0, 3, 10}));
  EXPECT_EQ(run["tokens"], Json({0, 3 * 4096, 10 * 4096}));
  const Json& curve = run["curves"]["linearity.update.held_out"];
  EXPECT_NEAR(curve["mean"][0].get<double>(), 0.899, 1e-12);
  EXPECT_NEAR(curve["mean"][2].get<double>(), 0.799, 1e-12);
  EXPECT_NEAR(curve["min"][1].get<double>(), 0.868, 1e-12);
  EXPECT_NEAR(curve["max"][1].get<double>(), 0.87, 1e-12);
  EXPECT_EQ(curve["blocks"][2][1], documents[0]["blocks"][1]["linearity"]["update"]["held_out"]);
}

TEST(Dynamics, BlockWithoutTheNumber_HasNoMean) {
  std::vector<Json> documents = documents_at({0, 1}, 3);
  documents[1]["blocks"][2]["linearity"]["update"]["held_out"] = nullptr;
  const std::vector<DynamicsRun> runs = {run_of(documents, "a")};
  const Json json = make_dynamics(runs);
  const Json& curve = json["runs"][0]["curves"]["linearity.update.held_out"];
  EXPECT_TRUE(curve["mean"][0].is_number());
  EXPECT_EQ(curve["mean"][1], nullptr);
  EXPECT_TRUE(curve["blocks"][1][0].is_number());
  expect_renders(runs);
}

TEST(Dynamics, TwoResultsOfOneStep_AreRefused) {
  const std::vector<Json> documents = documents_at({5, 5}, 2);
  expect_error([&] { make_dynamics({run_of(documents, "a")}); }, "step 5 is there twice");
}

TEST(Dynamics, AnotherNumberOfBlocks_IsRefused) {
  const std::vector<Json> documents = {documents_at({1}, 2)[0], documents_at({2}, 3)[0]};
  expect_error([&] { make_dynamics({run_of(documents, "a")}); },
               "step2.json: 3 blocks, 2 in step1");
}

TEST(Dynamics, BadInput_IsNamedByItsSource) {
  const Json bad = Json::array();
  DynamicsRun run;
  run.label = "a";
  expect_error([&] { make_dynamics({run}); }, "a: no result");
  expect_error([&] { make_dynamics({}); }, "nothing to compare");
  run.points = {{1, &bad, "bad.json"}};
  expect_error([&] { make_dynamics({run}); }, "bad.json: result: expected a JSON object");
}

TEST(Dynamics, Differences_AreSaidBetweenRunsAndWithinThem) {
  std::vector<Json> first = documents_at({0, 1}, 2), second = documents_at({0, 1}, 2);
  second[0]["data"]["ctx"] = second[1]["data"]["ctx"] = 64;
  first[1]["seed"] = 9;
  const std::vector<std::string> differences =
      Dynamics({run_of(first, "a"), run_of(second, "b")}).differences();
  ASSERT_EQ(differences.size(), 2u);
  EXPECT_TRUE(has(differences[0], "window length differs: 256 (a); 64 (b)")) << differences[0];
  EXPECT_TRUE(has(differences[1], "within a: seed differs: 0 (step 0); 9 (step 1)"))
      << differences[1];
}

TEST(Dynamics, EqualLabels_AreNumbered) {
  const std::vector<Json> documents = documents_at({0}, 1);
  const Json json =
      make_dynamics({run_of(documents, "a"), run_of(documents, "a"), run_of(documents, "a")});
  EXPECT_EQ(json["runs"][1]["label"], "a #2");
  EXPECT_EQ(json["runs"][2]["label"], "a #3");
}

TEST(Dynamics, InSample_IsMarked) {
  std::vector<Json> documents = documents_at({0, 1}, 2);
  for (Json& document : documents) {
    for (Json& block : document["blocks"]) {
      block["linearity"]["update"].erase("held_out");
      block["linearity"]["update"].erase("held_out_ci");
    }
    document["post_norm"] = nullptr;
  }
  const std::vector<Json> held_out = documents_at({0, 1}, 2);
  const std::vector<DynamicsRun> runs = {run_of(documents, "s"), run_of(held_out, "h")};
  const TextTable table = steps_table(Dynamics(runs));
  EXPECT_TRUE(table.rows[0][2].ends_with("*"));
  EXPECT_FALSE(table.rows[2][2].ends_with("*"));
  EXPECT_TRUE(has(render_dynamics_html(runs), "s (in sample)"));
  EXPECT_TRUE(has(render_dynamics_table(runs), "* in sample"));
}

TEST(Dynamics, StrangeShapes_Render) {
  Json empty = sample_document(0);
  empty["post_norm"] = nullptr;
  empty["training"] = {{"step", 0}};
  Json bare = empty;
  bare["blocks"] = {{{"block", 0}}, {{"block", 1}}};
  const std::vector<Json> hollow = {empty}, naked = {bare}, zero = documents_at({0}, 1);
  const std::vector<Json> huge = documents_at({INT64_MAX, 1}, 1);
  expect_renders({run_of(hollow, "empty")});
  expect_renders({run_of(naked, "bare"), run_of(zero, "zero"), run_of(hollow, "empty")});
  expect_renders({run_of(huge, "huge")});
  EXPECT_TRUE(has(render_dynamics_table({run_of(naked, "bare")}), "none of the metrics"));
}

TEST(RenderDynamicsHtml, HostileStrings_StayText) {
  const std::string attack = "</title></style><script>alert(1)</script>\"'><img src=x onerror=y>";
  std::vector<Json> documents = documents_at({0, 1}, 2);
  documents[0]["warnings"] = {attack};
  documents[1]["data"]["sha256"] = attack;
  DynamicsRun run = run_of(documents, attack);
  run.log.notes = {attack};
  run.log.training = {{1, 3.0}};
  const std::string html = render_dynamics_html({run, run});
  EXPECT_EQ(count(html, "<script"), 1u);
  EXPECT_EQ(count(html, "<img"), 0u);
}

TEST(RenderDynamicsHtml, Page_LoadsNothingAndItsIdsAreUnique) {
  const std::vector<Json> first = documents_at({0, 1, 10}, 3), second = documents_at({1, 10}, 40);
  DynamicsRun run = run_of(first, "a");
  run.log.training = {{1, 5.0}, {2, 4.0}};
  run.log.held_out = {{2, 4.5}};
  const std::vector<DynamicsRun> runs = {run, run_of(second, "b")};
  const std::string html = render_dynamics_html(runs);
  for (const char* part : {"http://", "https://", " src=", "url(", "@import", "<link"}) {
    EXPECT_FALSE(has(html, part)) << part;
  }
  const std::string page = html.substr(0, html.find("<script"));
  std::set<std::string> seen;
  for (size_t at = page.find(" id=\""); at != std::string::npos; at = page.find(" id=\"", at + 1)) {
    const std::string id = page.substr(at + 5, page.find('"', at + 5) - at - 5);
    EXPECT_TRUE(seen.insert(id).second) << id;
  }
  for (const char* figure : {"fig-update", "fig-blocks", "fig-stream", "fig-size", "fig-loss"}) {
    EXPECT_TRUE(seen.contains(figure)) << figure;
  }
  const std::string opening = "<script type=\"application/json\" id=\"result\">";
  const size_t from = html.find(opening) + opening.size();
  EXPECT_EQ(Json::parse(html.substr(from, html.find("</script>", from) - from)),
            make_dynamics(runs));
}

TEST(DynamicsFigures, HeatMap_HasACellPerBlockAndStep) {
  const std::vector<Json> documents = documents_at({0, 1, 10, 100}, 3);
  const std::vector<DynamicsFigure> figures =
      make_dynamics_figures(Dynamics({run_of(documents, "a")}));
  const auto heat = std::ranges::find_if(
      figures, [](const DynamicsFigure& figure) { return figure.figure.id == "fig-blocks"; });
  ASSERT_NE(heat, figures.end());
  EXPECT_EQ(count(heat->figure.drawing, "block 2, step "), 2u * 4);  // wide and narrow
  EXPECT_EQ(heat->data[0].rows.size(), 3u);
  EXPECT_EQ(heat->data[0].columns.size(), 5u);
}

TEST(StepAxis, Zero_StandsApartAndIsNotJoined) {
  const auto lines = [](const std::vector<int64_t>& steps) {
    const std::vector<Json> documents = documents_at(steps, 1);
    const Dynamics dynamics({run_of(documents, "a")});
    return make_dynamics_figures(dynamics)[0].figure.drawing;
  };
  const auto polyline = [](const std::string& drawing) {
    const size_t at = drawing.find("class=\"line");
    const size_t from = drawing.find("points=\"", at);
    const size_t start = from == std::string::npos ? drawing.find(" d=\"", at) : from;
    return drawing.substr(start, drawing.find('>', start) - start);
  };
  // The line of three points and of the last three of four are as long.
  EXPECT_EQ(count(polyline(lines({1, 10, 100})), ","),
            count(polyline(lines({0, 1, 10, 100})), ","));
  EXPECT_NE(lines({1, 10, 100}), lines({0, 1, 10, 100}));
}

TEST(RenderDynamicsCsv, Rows_AreLongForm) {
  const std::vector<Json> documents = documents_at({0, 1}, 2);
  DynamicsRun run = run_of(documents, "a, b");
  run.log.held_out = {{1, 4.5}};
  const std::string csv = render_dynamics_csv({run});
  EXPECT_TRUE(csv.starts_with(
      "run,step,block,metric,value\r\n\"a, b\",0,mean,linearity.update.held_out,0.8995\r\n"
      "\"a, b\",0,0,linearity.update.held_out,0.9\r\n"))
      << csv.substr(0, 200);
  EXPECT_TRUE(csv.ends_with("\"a, b\",1,,loss.held_out,4.5\r\n"));
}

}  // namespace
}  // namespace linscan
