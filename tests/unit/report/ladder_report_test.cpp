#include "linscan/report/ladder_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "linscan/base/error.h"
#include "report/ladder_document.h"
#include "report/text.h"
#include "unit/report/sample.h"

namespace linscan {
namespace {

using testing::count;
using testing::has;

Json rung(int k, const std::string& method, const std::string& by, double perplexity) {
  Json blocks = Json::array();
  for (int i = 0; i < k; ++i) {
    blocks.push_back(99 - 2 * i);  // in the order in which they were chosen
  }
  return {{"k", k},
          {"method", method},
          {"by", by},
          {"blocks", blocks},
          {"perplexity", perplexity},
          {"kl", perplexity / 100},
          {"top1", 0.5},
          {"parameters", 1000000 - 1000 * k},
          {"tasks", {{"arc_easy", {{"acc", 0.5 - 0.01 * k}, {"stderr", 0.02}}}}}};
}

// Two methods by two criteria, one to `most` blocks.
Json document(int most = 3) {
  Json rungs = Json::array();
  for (const char* by : {"loss", "cosine"}) {
    for (int k = most; k >= 1; --k) {  // in any order
      const double factor = std::string(by) == "loss" ? 1 : 5;
      rungs.push_back(rung(k, "remove", by, 20.0 * k * factor));
      rungs.push_back(rung(k, "refit + sweep", by, 10.0 * k * factor));
    }
  }
  return {{"schema", "linscan.ladder/1"},
          {"model", {{"path", "models/demo"}, {"family", "llama"}, {"blocks", 12}}},
          {"data", {{"files", {"corpus.txt"}}, {"tokens", 40000}}},
          {"dense",
           {{"perplexity", 8.5},
            {"parameters", 1000000},
            {"tasks", {{"arc_easy", {{"acc", 0.52}, {"stderr", 0.02}}}}}}},
          {"rungs", rungs},
          {"warnings", {"few items"}}};
}

std::string refusal(const Json& json) {
  try {
    validate_ladder(json);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(LadderReport, Table_HasMethodsByCriterionOverTheBlocks) {
  const Json json = document();
  const LadderDocument ladder(json);
  const std::vector<LadderFigure> figures = ladder.figures();
  ASSERT_EQ(figures.size(), 3u);
  const std::vector<TextTable> tables = ladder.tables(figures[0], 100);
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(tables[0].columns.back().head, "3");
  ASSERT_EQ(tables[0].rows.size(), 4u);
  EXPECT_EQ(tables[0].rows[0],
            (std::vector<std::string>{"remove", "loss", "8.500", "20.00", "40.00", "60.00"}));
  EXPECT_EQ(
      tables[0].rows[3],
      (std::vector<std::string>{"refit + sweep", "cosine", "8.500", "50.00", "100.0", "150.0"}));
  EXPECT_EQ(ladder.tables(figures[2], 100)[0].rows[0][2], "0.520 ± 0.020");
}

TEST(LadderReport, WideLadder_IsCutToTheTerminal) {
  const std::string text = render_ladder_table(document(30));
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    EXPECT_LE(display_width(line), 120) << line;
  }
  EXPECT_TRUE(has(text, "600.0"));
  EXPECT_EQ(count(render_ladder_markdown(document(30)), "| method |"), 3u);
}

TEST(LadderReport, Summary_NamesTheBestOfEveryRung) {
  const Json json = document();
  const std::vector<std::string> sentences = LadderDocument(json).summary();
  ASSERT_EQ(sentences.size(), 3u);
  EXPECT_EQ(sentences[1],
            "With 2 blocks edited the lowest of 4 perplexities is 20.00: refit + sweep, chosen by "
            "loss (blocks 97, 99).");
}

TEST(LadderReport, Plots_HaveAPanelPerCriterionOnOneAxis) {
  const std::string html = render_ladder_html(document());
  for (const char* id :
       {"fig-1", "fig-2", "fig-3", "ladder-1-0-title", "ladder-1-1-title", "ladder-3-1-title"}) {
    EXPECT_EQ(count(html, "id=\"" + std::string(id) + "\""), 1u) << id;
  }
  EXPECT_TRUE(has(html, "edited blocks, chosen by cosine"));
  EXPECT_TRUE(has(html, "remove, 2 blocks by cosine: 200.0 (97, 99)"));
  EXPECT_TRUE(has(html, "no block edited: 8.500"));
  // Both panels of the perplexities end at 500, where the first one alone would end at 100.
  const size_t first = html.find("id=\"ladder-1-0-title\""),
               second = html.find("id=\"ladder-1-1-title\"");
  const auto ticks = [&](size_t from) {
    const std::string panel = html.substr(from, html.find("</svg>", from) - from);
    return count(panel, ">500</text>");
  };
  EXPECT_EQ(ticks(first), 1u);
  EXPECT_EQ(ticks(second), 1u);
  // Two methods, three rungs and the dense model: a whisker each on the accuracies.
  const size_t task = html.find("id=\"ladder-3-0-title\"");
  const std::string panel = html.substr(task, html.find("</svg>", task) - task);
  EXPECT_EQ(count(panel, "class=\"whisker"), 3u * 8u);
}

TEST(LadderReport, OneCriterion_IsOneWideDrawing) {
  Json json = document();
  std::erase_if(json["rungs"].get_ref<Json::array_t&>(),
                [](const Json& entry) { return entry["by"] == "cosine"; });
  const std::string html = render_ladder_html(json);
  EXPECT_TRUE(has(html, "id=\"ladder-1-0-narrow-title\""));
  EXPECT_FALSE(has(html, "One panel per criterion"));
}

TEST(LadderReport, Csv_IsLongForm) {
  std::istringstream in(render_ladder_csv(document()));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
  }
  ASSERT_EQ(lines.size(), 2u + 12u);
  EXPECT_EQ(lines[0],
            "method,by,k,blocks,perplexity,kl,top1,parameters,arc_easy.acc,arc_easy.stderr\r");
  EXPECT_EQ(lines[1], "dense,,0,,8.5,,,1000000,0.52,0.02\r");
  EXPECT_EQ(lines[3], "remove,loss,2,\"97, 99\",40,0.4,0.5,998000,0.48,0.02\r");
}

TEST(LadderReport, MissingNumbers_AreGaps) {
  Json json = document();
  json["rungs"][0]["perplexity"] = nullptr;
  json["rungs"][1].erase("tasks");
  json.erase("dense");
  for (const auto render :
       {render_ladder_table, render_ladder_markdown, render_ladder_html, render_ladder_csv}) {
    const std::string text = render(json);
    EXPECT_FALSE(has(text, "nan"));
    EXPECT_EQ(text, render(json));
  }
  const LadderDocument ladder(json);
  EXPECT_EQ(ladder.tables(ladder.figures()[0], 100)[0].rows[0].back(), "–");
}

TEST(LadderReport, LeastDocument_Renders) {
  const Json json = {
      {"schema", "linscan.ladder/1"}, {"model", {{"path", "m"}}}, {"rungs", Json::array()}};
  EXPECT_TRUE(has(render_ladder_table(json), "no number of the rungs"));
  EXPECT_TRUE(has(render_ladder_html(json), "No number of the rungs"));
  EXPECT_FALSE(render_ladder_markdown(json).empty());
  EXPECT_EQ(count(render_ladder_csv(json), "\r\n"), 1u);
}

TEST(LadderReport, WrongTypes_NameThePath) {
  using Pointer = Json::json_pointer;
  const auto with = [](const Pointer& at, Json value) {
    Json json = document();
    json[at] = std::move(value);
    return refusal(json);
  };
  EXPECT_EQ(refusal(document()), "");
  EXPECT_TRUE(has(with(Pointer("/rungs"), 3), "rungs: expected a list"));
  EXPECT_TRUE(has(with(Pointer("/rungs/2/k"), -1), "rungs[2].k: -1 is not a count"));
  EXPECT_TRUE(has(with(Pointer("/rungs/2/k"), 5000), "rungs[2].k: 5000 blocks, more than 4096"));
  EXPECT_TRUE(has(with(Pointer("/rungs/2/k"), 3), "a second rung with this k"));
  EXPECT_TRUE(has(with(Pointer("/rungs/0/method"), 1), "rungs[0].method: expected a name"));
  EXPECT_TRUE(has(with(Pointer("/rungs/0/perplexity"), "x"), "rungs[0].perplexity: expected a"));
  EXPECT_TRUE(has(with(Pointer("/rungs/0/blocks"), {-1}), "rungs[0].blocks[0]: -1 is not a count"));
  EXPECT_TRUE(has(with(Pointer("/rungs/0/tasks"), {{"a.b", Json::object()}}),
                  "\"a.b\" is not a task's name"));
  EXPECT_TRUE(has(with(Pointer("/dense/tasks/arc_easy/acc"), "x"), "dense.tasks.arc_easy.acc"));
  Json many = document();
  for (int i = 0; i < 300; ++i) {
    many["rungs"].push_back(rung(1, "m" + std::to_string(i), "loss", 1));
  }
  EXPECT_TRUE(has(refusal(many), "more than 256 pairs of method and criterion"));
}

TEST(LadderReport, HostileText_StaysText) {
  const std::string attack = "</script><script>alert(1)</script>\x1b[2J|";
  Json json = document();
  json["rungs"][0]["method"] = json["rungs"][0]["by"] = json["model"]["path"] = attack;
  json["rungs"][0]["tasks"] = {{attack, {{"acc", 0.5}}}};
  EXPECT_EQ(count(render_ladder_html(json), "<script"), 1u);
  EXPECT_FALSE(has(render_ladder_table(json), "\x1b"));
  EXPECT_FALSE(has(render_ladder_markdown(json), "\x1b"));
}

}  // namespace
}  // namespace linscan
