#include <gtest/gtest.h>

#include <set>
#include <string>

#include "linscan/report/report.h"
#include "unit/report/sample.h"

namespace linscan {
namespace {

using testing::count;
using testing::sample_document;

TEST(RenderHtml, HostileStrings_StayText) {
  const std::string attack = "</title></style><script>alert(1)</script>\"'><img src=x onerror=y>";
  Json document = sample_document(2);
  document["model"]["path"] = attack;
  document["model"]["family"] = attack;
  document["data"]["files"] = {attack};
  document["warnings"] = {attack};
  document["config"][attack] = attack;
  document["protocol"]["description"] = attack;
  document["metrics"]["linearity.update.held_out"]["meaning"] = attack;
  document["blocks"][0]["cosine"] = nullptr;
  document["blocks"][0]["missing"]["cosine"] = attack;
  const std::string html = render_html(document);
  EXPECT_EQ(count(html, "<script"), 1u);  // the embedded result
  EXPECT_EQ(count(html, "</script>"), 1u);
  EXPECT_EQ(count(html, "</title></style>"), 0u);
  EXPECT_EQ(count(html, "<img"), 0u);
}

TEST(RenderHtml, EmbeddedResult_ReadsBack) {
  Json document = sample_document(2);
  document["model"]["path"] = "</script><!-- & -->";
  const std::string html = render_html(document);
  const std::string opening = "<script type=\"application/json\" id=\"result\">";
  const size_t from = html.find(opening) + opening.size();
  const Json embedded = Json::parse(html.substr(from, html.find("</script>", from) - from));
  EXPECT_EQ(embedded, document);
}

TEST(RenderHtml, Page_LoadsNothing) {
  const std::string html = render_html(sample_document(24));
  for (const char* part : {"http://", "https://", " src=", "url(", "@import", "<link"}) {
    EXPECT_EQ(html.find(part), std::string::npos) << part;
  }
  EXPECT_NE(html.find("default-src &#39;none&#39;"), std::string::npos);
}

TEST(RenderHtml, FullDocument_HasEveryFigure) {
  const std::string html = render_html(sample_document(24));
  for (const char* id : {"fig-update",
                         "fig-stream",
                         "fig-ladder",
                         "fig-rank",
                         "fig-norms",
                         "fig-geometry",
                         "fig-outliers",
                         "definitions",
                         "protocol"}) {
    EXPECT_EQ(count(html, "id=\"" + std::string(id) + "\""), 1u) << id;
  }
}

TEST(RenderHtml, Ids_AreUnique) {
  const std::string html = render_html(sample_document(24));
  const std::string page = html.substr(0, html.find("<script"));
  std::set<std::string> seen;
  for (size_t at = page.find(" id=\""); at != std::string::npos; at = page.find(" id=\"", at + 1)) {
    const std::string id = page.substr(at + 5, page.find('"', at + 5) - at - 5);
    EXPECT_TRUE(seen.insert(id).second) << id;
  }
}

TEST(RenderHtml, AbsentGroup_LeavesItsFigureOut) {
  Json document = sample_document(3);
  for (Json& block : document["blocks"]) {
    block.erase("geometry");
  }
  document["post_norm"].erase("geometry");
  const std::string html = render_html(document);
  EXPECT_EQ(count(html, "id=\"fig-geometry\""), 0u);
  EXPECT_EQ(count(html, "id=\"fig-norms\""), 1u);
}

TEST(RenderHtml, MissingCell_SaysWhy) {
  Json document = sample_document(3);
  document["blocks"][1]["linearity"]["update"]["held_out"] = nullptr;
  document["blocks"][1]["missing"]["linearity.update"] = "a single document";
  const std::string html = render_html(document);
  EXPECT_NE(html.find("<td class=\"missing\" title=\"a single document\">–</td>"),
            std::string::npos);
  EXPECT_NE(html.find("Missing: linearity.update.held_out: a single document (1)"),
            std::string::npos);
}

TEST(RenderHtml, LongList_IsShortenedOnThePageOnly) {
  Json document = sample_document(1);
  for (int i = 0; i < 1000; ++i) {
    document["protocol"]["fold_of_window"].push_back(i % 5);
  }
  const std::string html = render_html(document);
  EXPECT_NE(html.find("… (1000 in all)"), std::string::npos);
  EXPECT_NE(html.find("\"fold_of_window\":[0,1,2,3,4,0"), std::string::npos);
}

TEST(RenderHtml, PostNormPoint_IsHollow) {
  Json document = sample_document(3);
  EXPECT_GT(count(render_html(document), "class=\"hollow\""), 0u);
  document["post_norm"] = nullptr;
  EXPECT_EQ(count(render_html(document), "class=\"hollow\""), 0u);
}

}  // namespace
}  // namespace linscan
