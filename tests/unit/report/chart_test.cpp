#include "report/chart.h"

#include <gtest/gtest.h>

#include "report/heat_strip.h"
#include "unit/report/sample.h"

namespace linscan {
namespace {

using testing::count;

Chart chart_of(const std::vector<Number>& values) {
  Chart chart;
  chart.id = "c";
  chart.title = "title";
  chart.description = "description";
  chart.x = {"block", 0, static_cast<double>(values.size()) - 1, AxisKind::kIndex, ""};
  chart.y.label = "R²";
  ChartSeries series{"held out", 1, LineStyle::kStrong, MarkStyle::kDot, {}};
  for (size_t i = 0; i < values.size(); ++i) {
    series.points.push_back({static_cast<double>(i), values[i], {}, {}, "note"});
  }
  chart.series.push_back(series);
  return chart;
}

constexpr ChartSize kSize{400, 300};

TEST(Chart, MissingValue_LeavesAGap) {
  const std::string whole = draw_chart(chart_of({0.1, 0.2, 0.3, 0.4, 0.5}), kSize);
  EXPECT_EQ(count(whole, "<polyline"), 1u);
  const std::string gap = draw_chart(chart_of({0.1, 0.2, std::nullopt, 0.4, 0.5}), kSize);
  EXPECT_EQ(count(gap, "<polyline"), 2u);
  EXPECT_EQ(count(gap, "class=\"hit\""), 4u);
}

TEST(Chart, SinglePoint_IsDrawnWithoutALine) {
  const std::string svg = draw_chart(chart_of({0.5}), kSize);
  EXPECT_EQ(count(svg, "<polyline"), 0u);
  EXPECT_EQ(count(svg, "class=\"hit\""), 1u);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

TEST(Chart, ValueBelowTheAxis_IsMarkedAtTheEdge) {
  Chart chart = chart_of({0.5, -1e6, 0.4});
  chart.y.lowest = -0.5;
  chart.y.high = 1.0;
  const std::string svg = draw_chart(chart, kSize);
  EXPECT_EQ(count(svg, "class=\"clipped\""), 1u);
  EXPECT_EQ(svg.find("e+"), std::string::npos);
}

TEST(Chart, LogarithmicAxis_SkipsWhatItCannotShow) {
  Chart chart = chart_of({0.5, 0.0, -0.1, 0.01});
  chart.y.logarithmic = true;
  const std::string svg = draw_chart(chart, kSize);
  EXPECT_EQ(count(svg, "class=\"hit\""), 2u);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(Chart, NothingToDraw_IsKnown) {
  EXPECT_FALSE(has_points(chart_of({std::nullopt, std::nullopt})));
  EXPECT_TRUE(has_points(chart_of({std::nullopt, 0.5})));
}

TEST(Chart, Intervals_AreWhiskersOnFewAndABandOnManyBlocks) {
  Chart few = chart_of({0.1, 0.2});
  Chart many = chart_of(std::vector<Number>(24, 0.5));
  for (Chart* chart : {&few, &many}) {
    for (ChartPoint& point : chart->series[0].points) {
      point.low = *point.y - 0.05;
      point.high = *point.y + 0.05;
    }
  }
  EXPECT_EQ(count(draw_chart(few, kSize), "class=\"whisker c1\""), 6u);
  EXPECT_EQ(count(draw_chart(many, kSize), "class=\"band c1\""), 1u);
}

TEST(Chart, Drawing_HasANameForScreenReadersAndEscapesNotes) {
  Chart chart = chart_of({0.5, 0.6});
  chart.series[0].points[0].note = "<script>";
  const std::string svg = draw_chart(chart, kSize);
  EXPECT_NE(svg.find("aria-labelledby=\"c-title c-desc\""), std::string::npos);
  EXPECT_NE(svg.find("<title id=\"c-title\">title</title>"), std::string::npos);
  EXPECT_EQ(svg.find("<script>"), std::string::npos);
}

TEST(Chart, LabelsAtLines_DoNotOverlap) {
  Chart chart = chart_of({0.5, 0.5});
  chart.series.push_back(chart.series[0]);
  chart.series[1].label = "other";
  const std::string svg = draw_chart(chart, {400, 300, SeriesNames::kAtLines});
  EXPECT_EQ(count(svg, "class=\"label c1\""), 2u);
  const size_t first = svg.find(" y=\"", svg.find("class=\"label c1\""));
  const size_t second = svg.find(" y=\"", svg.find("class=\"label c1\"", first));
  EXPECT_GE(std::abs(std::stod(svg.substr(first + 4)) - std::stod(svg.substr(second + 4))), 14.0);
}

TEST(Chart, NamesElsewhere_LeavesNoLegend) {
  Chart chart = chart_of({0.5, 0.6});
  chart.series.push_back(chart.series[0]);
  EXPECT_EQ(count(draw_chart(chart, kSize), "class=\"legend\""), 2u);
  EXPECT_EQ(count(draw_chart(chart, {400, 300, SeriesNames::kElsewhere}), "class=\"legend\""), 0u);
}

TEST(Chart, CrowdedPoints_KeepNotesButNotAllMarks) {
  Chart chart = chart_of(std::vector<Number>(40, 0.5));
  chart.series[0].mark_spacing = 50;
  const std::string crowded = draw_chart(chart, kSize);
  EXPECT_EQ(count(crowded, "class=\"hit\""), 40u);
  EXPECT_LE(count(crowded, "<circle"), 40u + 9);
  Chart few = chart_of({0.5, 0.6, 0.7});
  few.series[0].mark_spacing = 50;
  few.series[0].mark_shift = 0.9;
  EXPECT_EQ(count(draw_chart(few, kSize), "<circle"), 6u);  // all marks, all hits
}

TEST(Chart, ContinuousAxis_HasRoundTicks) {
  Chart chart = chart_of({0.5, 0.6});
  chart.x = {"depth", 0, 1, AxisKind::kContinuous, ""};
  const std::string svg = draw_chart(chart, kSize);
  for (const char* tick : {">0<", ">0.2<", ">0.8<", ">1<"}) {
    EXPECT_NE(svg.find(tick), std::string::npos) << tick;
  }
}

TEST(Chart, StepAxis_IsLogarithmicWithZeroApart) {
  Chart chart = chart_of({0.5, 0.6, 0.7});
  const double steps[] = {1, 30, 1000};
  for (size_t i = 0; i < 3; ++i) {
    chart.series[0].points[i].x = steps[i];
  }
  chart.x = {"step", 1, 1000, AxisKind::kSteps, ""};
  const std::string without = draw_chart(chart, kSize);
  for (const char* tick : {">1<", ">10<", ">100<", ">1000<"}) {
    EXPECT_NE(without.find(tick), std::string::npos) << tick;
  }
  const size_t axes = count(without, "class=\"axis\"");
  chart.x.first_name = "none";
  const std::string with = draw_chart(chart, kSize);
  EXPECT_NE(with.find(">none<"), std::string::npos);
  EXPECT_EQ(count(with, "class=\"axis\""), axes + 2);  // a tick more, and the line in two pieces
}

TEST(Chart, StepAxisOfStepZeroAlone_StillDraws) {
  Chart chart = chart_of({0.5});
  chart.series[0].points[0].x = 0;
  chart.x = {"step", 1, 0, AxisKind::kSteps, "0"};
  const std::string svg = draw_chart(chart, kSize);
  EXPECT_EQ(count(svg, "class=\"hit\""), 1u);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(HeatStrip, LinearShade_IsDarkerForLargerValues) {
  HeatStrip strip;
  strip.id = "h";
  strip.linear = Range{0, 1};
  strip.column_names = {"0", "1,000"};
  strip.rows.push_back({"block 0", false, {{0.0, "", "low"}, {1.0, "", "high"}}});
  const std::string svg = draw_heat_strip(strip, 600);
  EXPECT_NE(svg.find(">1,000<"), std::string::npos);
  const auto opacity = [&](const char* note) {
    const size_t at = svg.find("fill-opacity=\"", svg.find(note)) + 14;
    return std::stod(svg.substr(at, svg.find('"', at) - at));
  };
  EXPECT_LT(opacity("<title>low"), 0.1);
  EXPECT_EQ(opacity("<title>high"), 1.0);
}

TEST(HeatStrip, Cells_ShadeAndMissingDiffer) {
  HeatStrip strip;
  strip.id = "h";
  strip.rows.push_back(
      {"map", false, {{0.5, "0.50", "a"}, {0.001, "0.0010", "b"}, {{}, "", "why"}}});
  const std::string svg = draw_heat_strip(strip, 600);
  EXPECT_EQ(count(svg, "heat-missing"), 1u);
  EXPECT_NE(svg.find(">0.0010<"), std::string::npos);
  EXPECT_NE(svg.find("<title>why</title>"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(HeatStrip, NoValues_StillDraws) {
  HeatStrip strip;
  strip.id = "h";
  strip.rows.push_back({"map", false, {{{}, "", "why"}}});
  EXPECT_EQ(draw_heat_strip(strip, 600).find("nan"), std::string::npos);
}

}  // namespace
}  // namespace linscan
