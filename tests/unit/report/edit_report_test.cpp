#include "linscan/report/edit_report.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "linscan/base/error.h"
#include "report/edit_document.h"
#include "report/text.h"
#include "unit/report/sample.h"

namespace linscan {
namespace {

using testing::count;
using testing::has;

Json trial(const std::vector<int>& blocks, double cross_entropy) {
  return {{"blocks", blocks}, {"cross_entropy", cross_entropy}, {"kl", cross_entropy - 2}};
}

// Blocks 3 and 1 of six cut, in this order.
Json document() {
  const Json rounds = {
      {trial({3}, 2.1), trial({1}, 2.2), trial({4}, 2.3)},
      {trial({1, 3}, 2.4), trial({3, 4}, 2.5)},
  };
  return {{"schema", "linscan.edit/1"},
          {"model",
           {{"path", "models/demo"},
            {"family", "llama"},
            {"blocks", 6},
            {"hidden", 128},
            {"parameters", 1160000}}},
          {"data", {{"files", {"corpus.txt"}}, {"tokens", 40000}, {"windows", 100}}},
          {"recipe", "refit"},
          {"criterion", "loss"},
          {"plan",
           {{"operations",
             {{{"method", "refit"}, {"begin", 1}, {"end", 2}},
              {{"method", "refit"}, {"begin", 3}, {"end", 4}}}}}},
          {"blocks",
           {{{"block", 0}, {"action", "projection solved"}, {"becomes", 0}},
            {{"block", 1}, {"action", "removed"}, {"becomes", nullptr}},
            {{"block", 2}, {"action", "projection solved"}, {"becomes", 1}},
            {{"block", 3}, {"action", "removed"}, {"becomes", nullptr}},
            {{"block", 4}, {"action", "kept"}, {"becomes", 2}},
            {{"block", 5}, {"action", "kept"}, {"becomes", 3}}}},
          {"searches", {{{"recipe", "refit"}, {"rounds", rounds}}}},
          {"fits",
           {{{"method", "refit"},
             {"begin", 1},
             {"end", 2},
             {"block", 0},
             {"tokens", 40000},
             {"unknowns", 400},
             {"rank", 400},
             {"unexplained", 0.125}},
            {{"method", "refit"}, {"begin", 5}, {"end", 5}, {"block", 5}}}},
          {"unedited", {{"tokens", 900}, {"perplexity", 8.5}, {"cross_entropy", 2.14}}},
          {"edited",
           {{"tokens", 900},
            {"perplexity", 12.25},
            {"cross_entropy", 2.5055},
            {"cross_entropy_stderr", 0.031},
            {"kl", 0.37},
            {"kl_stderr", 0.012},
            {"top1", 0.75},
            {"top1_stderr", 0.0}}},
          {"parameters", {{"before", 1160000}, {"after", 870000}}},
          {"export", {{"form", "stock"}, {"reason", "merged into kept blocks"}}},
          {"verification", {{"tokens", 512}, {"largest_logit_difference", 3.5e-6}}},
          {"warnings", {"few tokens"}},
          {"software", {{"linscan", "0.1.0"}}}};
}

std::string refusal(const Json& json) {
  try {
    validate_edit(json);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(EditReport, Table_SaysWhatWasDoneAndWhatItCost) {
  const std::string text = render_edit_table(document());
  EXPECT_TRUE(has(text, "refit: blocks 1, 3"));
  EXPECT_TRUE(has(text, "blocks      6 → 4"));
  EXPECT_TRUE(has(text, "1.16 M → 870 k (75 % left)"));
  EXPECT_TRUE(has(text, "stock (merged into kept blocks)"));
  EXPECT_TRUE(has(text, "before       8.500          2.140"));
  EXPECT_TRUE(has(text, "2.506 ± 0.031  0.370 ± 0.012"));  // no error where it is zero
  EXPECT_FALSE(has(text, "0.750 ±"));
  EXPECT_TRUE(has(text, "on 512 tokens no logit differs"));
  EXPECT_TRUE(has(text, "warning     few tokens"));
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    EXPECT_LE(display_width(line), 120) << line;
  }
}

TEST(EditReport, Rounds_NameTheBlockThatWasAdded) {
  const Json json = document();
  const std::vector<EditSearch> searches = EditDocument(json).searches();
  ASSERT_EQ(searches.size(), 1u);
  const TextTable table = search_table(searches.front());
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows[0],
            (std::vector<std::string>{"1", "3", "2.100", "0.100", "1 (2.200), 4 (2.300)"}));
  EXPECT_EQ(table.rows[1], (std::vector<std::string>{"2", "1", "2.400", "0.400", "4 (2.500)"}));
}

TEST(EditReport, Finalists_AreRowsOfMethodAndBlocks) {
  Json json = document();
  EXPECT_FALSE(has(render_edit_table(json), "Finalists"));
  json["finalists"] = {{{"recipe", "refit"},
                        {"blocks", {1, 3}},
                        {"perplexity", 11.5},
                        {"cross_entropy", 2.442},
                        {"cross_entropy_stderr", 0.02},
                        {"kl", 0.3},
                        {"kl_stderr", 0.01},
                        {"top1", 0.8},
                        {"top1_stderr", 0.01},
                        {"tokens", 40000}}};
  const TextTable finalists = EditDocument(json).finalists();
  ASSERT_EQ(finalists.rows.size(), 1u);
  EXPECT_EQ(finalists.rows[0][0], "refit: 1, 3");
  EXPECT_EQ(finalists.rows[0][2], "2.442 ± 0.020");
  EXPECT_TRUE(has(render_edit_html(json), "Finalists"));
  json["finalists"][0]["blocks"] = "1";
  EXPECT_TRUE(has(refusal(json), "finalists[0].blocks"));
}

TEST(EditReport, Fits_SayWhichBlocksTheyStandFor) {
  const Json json = document();
  const TextTable fits = EditDocument(json).fits();
  EXPECT_EQ(fits.rows[0],
            (std::vector<std::string>{"0", "refit", "1", "40,000", "400", "100", "400", "12 %"}));
  EXPECT_EQ(fits.rows[1][2], "sweep");
  EXPECT_EQ(fits.rows[1][5], "–");
}

TEST(EditReport, Page_HasTablesFigureAndDocument) {
  const Json json = document();
  const std::string html = render_edit_html(json);
  EXPECT_EQ(count(html, "id=\"fig-search\""), 1u);
  EXPECT_TRUE(has(html, "blocks 1, 3: cross-entropy 2.400, KL 0.400"));
  EXPECT_TRUE(has(html, "What was fitted"));
  EXPECT_TRUE(has(html, "class=\"warnings\""));
  const std::string opening = "<script type=\"application/json\" id=\"result\">";
  const size_t from = html.find(opening) + opening.size();
  EXPECT_EQ(Json::parse(html.substr(from, html.find("</script>", from) - from)), json);
  for (const char* part : {"http://", "https://", " src=", "url(", "<link"}) {
    EXPECT_FALSE(has(html, part)) << part;
  }
}

TEST(EditReport, SeveralSearches_AreALineEach) {
  Json json = document();
  json["searches"].push_back({{"recipe", "fold"}, {"rounds", {{trial({2}, 2.6)}}}});
  const std::string html = render_edit_html(json);
  EXPECT_TRUE(has(html, "How the blocks were chosen: fold"));
  EXPECT_FALSE(has(html, ">other sets<"));
  EXPECT_TRUE(has(render_edit_html(document()), ">other sets<"));
}

TEST(EditReport, LeastDocument_Renders) {
  const Json json = {{"schema", "linscan.edit/1"}, {"model", {{"path", "m"}}}};
  for (const auto render : {render_edit_table, render_edit_markdown, render_edit_html}) {
    EXPECT_FALSE(render(json).empty());
  }
  EXPECT_FALSE(has(render_edit_html(json), "fig-search"));
}

TEST(EditReport, ManyBlocks_StayReadable) {
  Json json = document();
  json["plan"]["operations"] = {{{"begin", 1}, {"end", 4096}}};
  std::vector<int> all(500);
  json["searches"][0]["rounds"] = {{trial(all, 2.0)}};
  EXPECT_TRUE(has(render_edit_table(json), "16, … (4095 in all)"));
  EXPECT_TRUE(has(render_edit_table(json), "0, 0, 0, 0, … (500 in all)"));
}

TEST(EditReport, WrongTypes_NameThePath) {
  const auto with = [](const Json::json_pointer& at, Json value) {
    Json json = document();
    json[at] = std::move(value);
    return refusal(json);
  };
  using Pointer = Json::json_pointer;
  EXPECT_EQ(refusal(document()), "");
  EXPECT_TRUE(has(with(Pointer("/schema"), "x"), "schema: got \"x\", expected \"linscan.edit/1\""));
  EXPECT_TRUE(has(with(Pointer("/model/path"), 3), "model.path: expected a string"));
  EXPECT_TRUE(has(with(Pointer("/blocks/1/block"), -1), "blocks[1].block: -1 is not a count"));
  EXPECT_TRUE(has(with(Pointer("/blocks/1/becomes"), "x"), "blocks[1].becomes: expected a whole"));
  EXPECT_TRUE(has(with(Pointer("/searches/0/rounds/0/1/blocks"), 3),
                  "searches[0].rounds[0][1].blocks: expected a list"));
  EXPECT_TRUE(has(with(Pointer("/searches/0/rounds/0/1/kl"), 1e300), "not a plausible figure"));
  EXPECT_TRUE(has(with(Pointer("/fits/0/rank"), "all"), "fits[0].rank: expected a number"));
  EXPECT_TRUE(has(with(Pointer("/edited/kl"), "low"), "edited.kl: expected a number"));
  EXPECT_TRUE(has(with(Pointer("/plan/operations/0/end"), 5000), "block 5000 of at most 4096"));
  EXPECT_TRUE(has(with(Pointer("/plan/operations/0"), Json::object()), "begin is missing"));
  EXPECT_TRUE(has(with(Pointer("/export/form"), 1), "export.form: expected a string"));
  EXPECT_TRUE(has(with(Pointer("/warnings/0"), 1), "warnings[0]: expected a string"));
  EXPECT_TRUE(has(refusal(Json::array()), "expected a JSON object"));
}

TEST(EditReport, HostileText_StaysText) {
  const std::string attack = "</script><script>alert(1)</script>\x1b[2J|`";
  Json json = document();
  json["recipe"] = json["criterion"] = json["model"]["path"] = attack;
  json["blocks"][0]["action"] = json["fits"][0]["method"] = attack;
  json["searches"][0]["recipe"] = json["warnings"][0] = attack;
  json["export"] = {{"form", attack}, {"reason", attack}, {"path", attack}};
  EXPECT_EQ(count(render_edit_html(json), "<script"), 1u);
  EXPECT_FALSE(has(render_edit_table(json), "\x1b"));
  EXPECT_FALSE(has(render_edit_markdown(json), "\x1b"));
  EXPECT_FALSE(has(render_edit_markdown(json), "<script>"));
}

}  // namespace
}  // namespace linscan
