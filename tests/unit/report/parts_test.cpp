// Sublayers and damage in every form of the report.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "linscan/base/error.h"
#include "linscan/report/check.h"
#include "linscan/report/comparison.h"
#include "linscan/report/report.h"
#include "report/facts.h"
#include "report/figures.h"
#include "report/text.h"
#include "unit/report/sample.h"

namespace linscan {
namespace {

using testing::count;
using testing::document_with_parts;
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

// Without the line breaks and the indents of a terminal.
std::string flowing(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c != '\n' && (c != ' ' || !out.ends_with(' '))) {
      out += c;
    } else if (!out.ends_with(' ')) {
      out += ' ';
    }
  }
  return out;
}

std::string refusal(const Json& document) {
  try {
    validate_analysis(document);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Parts, Table_IsASecondOneThatFitsATerminal) {
  const std::string text = render_table(document_with_parts(12));
  for (const std::string& line : lines_of(text)) {
    EXPECT_LE(display_width(line), 120) << line;
  }
  EXPECT_TRUE(has(text, "attention"));
  EXPECT_TRUE(has(text, "0.200 [0.195, 0.205]  0.150"));  // attention of block 0
  EXPECT_TRUE(has(text, "0.600 [0.595, 0.605]  0.150"));  // its MLP
  EXPECT_TRUE(has(text, "0.0100  −0.00500  0.800"));      // removed: KL, cross-entropy, top-1
  EXPECT_TRUE(has(flowing(text), "score removed replaced by its map"));
  EXPECT_FALSE(has(render_table(sample_document(12)), "attention"));
}

// Neither a post-norm row nor a note about it: that point has no sublayers and no damage.
TEST(Parts, PostNormPoint_IsNotAmongThem) {
  const std::string text = render_table(document_with_parts(3));
  EXPECT_EQ(count(text, "\n+norm "), 1u);
  EXPECT_FALSE(has(text, "not computed in this run")) << text;
  const std::string html = render_html(document_with_parts(3));
  EXPECT_FALSE(has(html, "not computed in this run"));
  EXPECT_FALSE(has(html, "Missing:"));
}

TEST(Parts, ScoresInSample_StandInWhereNothingWasHeldOut) {
  Json document = document_with_parts(4);
  for (Json& block : document["blocks"]) {
    for (const char* sublayer : {"attention", "mlp"}) {
      for (const char* variant : {"stream", "update"}) {
        Json& scores = block["sublayers"][sublayer]["linearity"][variant];
        scores["held_out"] = scores["held_out_ci"] = nullptr;
      }
    }
  }
  EXPECT_TRUE(has(render_table(document), "in-smp."));
  const Figure figure = *sublayer_figure(ResultDocument(document));
  EXPECT_TRUE(has(figure.reading, "in sample"));
  EXPECT_EQ(figure.paths.front(), "sublayers.attention.linearity.update.in_sample");
  EXPECT_FALSE(has(render_table(document_with_parts(4)), "in-smp."));
}

TEST(Parts, MissingNumbers_SayWhy) {
  Json document = document_with_parts(3);
  document["blocks"][1]["sublayers"].erase("attention");
  document["blocks"][1]["missing"]["sublayers.attention"] = "the block has no such sublayer";
  document["blocks"][2]["damage"]["linear"] = {{"ce", nullptr}, {"kl", nullptr}, {"top1", nullptr}};
  document["blocks"][2]["missing"]["damage.linear"] = "too few tokens for a map";
  for (const auto render : {render_table, render_markdown, render_html}) {
    const std::string text = flowing(render(document));
    EXPECT_TRUE(has(text, "the block has no such sublayer (1)"));
    EXPECT_TRUE(has(text, "too few tokens for a map (2)"));
  }
}

TEST(Parts, Csv_HasAColumnForEveryNumber) {
  const std::vector<std::string> lines = lines_of(render_csv(document_with_parts(2)));
  ASSERT_EQ(lines.size(), 4u);
  for (const char* column : {",sublayers.attention.linearity.update.held_out_ci.low,",
                             ",sublayers.mlp.block_influence,",
                             ",sublayers.mlp.norm.ratio,",
                             ",damage.remove.kl,",
                             ",damage.linear.top1"}) {
    EXPECT_TRUE(has(lines.front(), column)) << column;
  }
  EXPECT_TRUE(has(lines[1], "0.2,0.195"));
}

TEST(Parts, Page_HasTheirFiguresOnce) {
  const std::string html = render_html(document_with_parts(12));
  for (const char* id : {"fig-sublayers", "fig-damage", "fig-correlation"}) {
    EXPECT_EQ(count(html, "id=\"" + std::string(id) + "\""), 1u) << id;
    EXPECT_EQ(count(render_html(sample_document(12)), id), 0u) << id;
  }
  EXPECT_TRUE(has(html, "Measured on 4,096 tokens in 16 windows"));
  EXPECT_TRUE(has(html, "block 3 removed: KL"));
  EXPECT_TRUE(has(html, "(ρ 0.25 / 0.25)"));
  EXPECT_TRUE(has(html, "the score is the same for all blocks"));
  std::set<std::string> seen;
  const std::string page = html.substr(0, html.find("<script"));
  for (size_t at = page.find(" id=\""); at != std::string::npos; at = page.find(" id=\"", at + 1)) {
    const std::string id = page.substr(at + 5, page.find('"', at + 5) - at - 5);
    EXPECT_TRUE(seen.insert(id).second) << id;
  }
}

// A log axis cannot show zero or less; every other point is drawn, whatever the order of the
// scores.
TEST(Parts, Scatter_MarksEveryBlock) {
  Json document = document_with_parts(8);
  document["blocks"][4]["damage"]["remove"]["kl"] = 0.0;
  const Figure figure = *correlation_figure(ResultDocument(document));
  const std::string first = figure.drawing.substr(0, figure.drawing.find("</svg>"));
  EXPECT_EQ(count(first, "removed: KL"), 7u);
  EXPECT_EQ(count(first, "replaced by its map: KL"), 8u);
  EXPECT_EQ(count(first, "<circle class=\"hit\""), 15u);
  EXPECT_EQ(count(first, "<circle cx"), 7u + 1u) << first;  // dots, and one in the legend
}

TEST(Parts, CorrelationTable_NamesScoresByTheirLabelOrPath) {
  Json document = document_with_parts(3);
  const TextTable table = correlation_table(ResultDocument(document));
  ASSERT_EQ(table.rows.size(), 3u);
  EXPECT_EQ(table.rows[0],
            (std::vector<std::string>{"held-out R²", "0.25", "0.25", ""}));  // of "metrics"
  EXPECT_EQ(table.rows[1].front(), "block_influence");
  EXPECT_EQ(table.rows[2].back(), "the score is the same for all blocks");
  document["damage"]["rank_correlation"]["remove"].erase("sublayers.mlp.norm.ratio");
  document["damage"]["rank_correlation"]["linear"].erase("sublayers.mlp.norm.ratio");
  EXPECT_EQ(correlation_table(ResultDocument(document)).columns.size(), 3u);
}

TEST(Parts, Correlations_KeepTheirPlaceWithoutScores) {
  Json document = document_with_parts(3);
  for (Json& block : document["blocks"]) {
    block.erase("linearity");
    block.erase("block_influence");
    block.erase("norm");
  }
  const Figure figure = *correlation_figure(ResultDocument(document));
  EXPECT_FALSE(has(figure.drawing, "<svg"));
  EXPECT_TRUE(has(figure.drawing, "<table"));
  document.erase("damage");
  EXPECT_FALSE(correlation_figure(ResultDocument(document)));
}

TEST(Parts, Summary_NamesTheEndsOfTheDamage) {
  Json document = document_with_parts(3);  // KL 0.01 * 1.7^0, 1.7^5, 1.7^3
  const std::vector<std::string> sentences = summarize(ResultDocument(document));
  const auto said = [&](const std::string& part) {
    return std::any_of(sentences.begin(), sentences.end(), [&](const std::string& sentence) {
      return has(sentence, part);
    });
  };
  EXPECT_TRUE(
      said("Left out alone, block 0 moves the predictions the least (KL 0.010) and block 1 "
           "the most (0.14)."));
  EXPECT_TRUE(said("Replaced by its fitted map, block 0"));
  EXPECT_TRUE(said("is 0.210 for attention and 0.590 for the MLP"));
  EXPECT_FALSE(said("It does not say what happens"));
}

TEST(Parts, Check_ComparesTheirNumbers) {
  const Json baseline = document_with_parts(3);
  Json result = baseline;
  result["blocks"][1]["sublayers"]["mlp"]["linearity"]["update"]["held_out"] = 0.5;
  result["blocks"][2]["damage"]["remove"]["kl"] = 0.5;
  const CheckOutcome outcome = check_result(result, baseline, {}, {});
  ASSERT_EQ(outcome.moved.size(), 2u);
  std::set<std::string> moved;
  for (const Move& move : outcome.moved) {
    moved.insert(move.block + " " + move.metric);
  }
  EXPECT_EQ(
      moved,
      (std::set<std::string>{"1 sublayers.mlp.linearity.update.held_out", "2 damage.remove.kl"}));
  EXPECT_TRUE(check_result(baseline, baseline, {}, {}).passed());
}

TEST(Parts, Comparison_DrawsAndListsThem) {
  const Json with = document_with_parts(4), without = sample_document(4);
  const std::vector<ComparisonInput> inputs = {{&with, "a", "with"}, {&without, "b", "without"}};
  const std::string html = render_comparison_html(inputs);
  EXPECT_EQ(count(html, "id=\"fig-sublayers\""), 1u);
  EXPECT_EQ(count(html, "id=\"fig-damage\""), 1u);
  const std::string table = render_comparison_table(inputs);
  EXPECT_TRUE(has(table, "attention update R²"));
  EXPECT_TRUE(has(table, "linear KL"));
  const std::string csv = render_comparison_csv(inputs);
  EXPECT_EQ(count(csv, "damage.remove.kl"), 4u);  // the blocks alone, of the one model
  const Json document = make_comparison(inputs);
  EXPECT_FALSE(document["models"][0]["curves"]["damage.remove.kl"].contains("post_norm"));
  const std::vector<ComparisonInput> plain = {{&without, "b", "without"}};
  EXPECT_EQ(count(render_comparison_html(plain), "fig-damage"), 0u);
}

TEST(Parts, DamageOfTheDocument_IsChecked) {
  EXPECT_EQ(refusal(document_with_parts(3)), "");
  const auto with = [](const char* key, Json value) {
    Json document = document_with_parts(3);
    document["damage"][key] = std::move(value);
    return refusal(document);
  };
  EXPECT_TRUE(has(with("tokens", -1), "damage.tokens: -1 is not a count"));
  EXPECT_TRUE(has(with("windows", "many"), "damage.windows: expected a whole number"));
  EXPECT_TRUE(has(with("dense", {{"ce", "low"}}), "damage.dense.ce: expected a number or null"));
  EXPECT_TRUE(has(with("dense", {{"perplexity", 1e300}}), "not a plausible figure"));
  EXPECT_TRUE(has(with("rank_correlation", {{"remove", {{"cosine", 2}}}}), "is not a correlation"));
  EXPECT_TRUE(has(with("rank_correlation", {{"remove", 1}}), "expected an object"));
  EXPECT_TRUE(has(with("rank_correlation", {{"remove", {{std::string(300, 'a'), 0}}}}),
                  "is no metric's path"));
  EXPECT_TRUE(has(with("missing", {{"a", 1}}), "expected a reason in words"));
  Json document = document_with_parts(3);
  document["damage"] = nullptr;
  EXPECT_EQ(refusal(document), "");
  document["damage"] = 3;
  EXPECT_TRUE(has(refusal(document), "damage: expected an object"));
}

TEST(Parts, TokenErrors_AreDrawnAsHistograms) {
  Json document = document_with_parts(3);
  EXPECT_EQ(count(render_html(document), "fig-token-errors"), 0u);
  document["damage"]["token_errors"] = {{"edges", {0.01, 0.1, 1.0}},
                                        {"stream", {{0, 30, 10, 0}, {0, 40, 0, 0}, {20, 20, 0, 0}}},
                                        {"update", {{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}}}};
  const std::string html = render_html(document);
  EXPECT_EQ(count(html, "id=\"fig-token-errors\""), 1u);
  EXPECT_TRUE(has(html, "block 0, error 0.010 to 0.10: 75.0 % of the tokens"));
  EXPECT_TRUE(has(html, "block 2, error below 0.010: 50.0 % of the tokens"));
  EXPECT_FALSE(has(html, "error 1.0 or more"));  // no token there
  EXPECT_FALSE(has(html, "token-errors-update"));
}

TEST(Parts, TokenErrorsOfTheDocument_AreChecked) {
  const auto with = [](Json edges, Json counts) {
    Json document = document_with_parts(1);
    document["damage"]["token_errors"] = {
        {"edges", std::move(edges)}, {"stream", Json::array()}, {"update", std::move(counts)}};
    return refusal(document);
  };
  EXPECT_EQ(with({0.1, 1}, {{1, 2, 3}}), "");
  EXPECT_TRUE(has(with({1}, {{1, 2}}), "at least two numbers"));
  EXPECT_TRUE(has(with({1, 0.1}, {{1, 2, 3}}), "ascending numbers above 0"));
  EXPECT_TRUE(has(with({0, 0.1}, {{1, 2, 3}}), "ascending numbers above 0"));
  EXPECT_TRUE(has(with({0.1, 1}, {{1, 2}}), "update: expected 3 counts for each block"));
  EXPECT_TRUE(has(with({0.1, 1}, {{1, 2, -3}}), "is not a count"));
  EXPECT_TRUE(has(with({0.1, 1}, 7), "update: expected an array"));
}

TEST(Parts, HostileText_StaysText) {
  const std::string attack = "</script><script>alert(1)</script>\x1b[2J";
  Json document = document_with_parts(3);
  document["damage"]["rank_correlation"]["remove"][attack] = nullptr;
  document["damage"]["missing"]["rank_correlation.remove." + attack] = attack;
  document["blocks"][0]["damage"]["remove"]["kl"] = nullptr;
  document["blocks"][0]["missing"]["damage.remove.kl"] = attack;
  EXPECT_EQ(count(render_html(document), "<script"), 1u);
  EXPECT_FALSE(has(render_table(document), "\x1b"));
  EXPECT_FALSE(has(render_markdown(document), "\x1b"));
}

}  // namespace
}  // namespace linscan
