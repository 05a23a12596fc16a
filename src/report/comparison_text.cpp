// The comparison for a terminal and as Markdown.
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "report/comparison_tables.h"
#include "report/text.h"

namespace linscan {
namespace {

constexpr int kLabelWidth = 11;
constexpr size_t kMetricsPerTable = 3;  // that fit a terminal beside the names

constexpr std::string_view kStandIn =
    "* in sample, because the result has no held-out score; the other R² are held out";
constexpr std::string_view kBlocksRemark =
    "mean, lowest and highest over the blocks, with the block's index; the post-norm point is not "
    "among them";

std::vector<TextTable> summary_tables(const Comparison& comparison) {
  std::vector<TextTable> tables;
  for (size_t i = 0; i < kComparedMetrics.size(); i += kMetricsPerTable) {
    const size_t count = std::min(kMetricsPerTable, kComparedMetrics.size() - i);
    TextTable table = summary_table(comparison, std::span(kComparedMetrics).subspan(i, count));
    if (!table.rows.empty()) {
      tables.push_back(std::move(table));
    }
  }
  return tables;
}

}  // namespace

std::string render_comparison_table(const std::vector<ComparisonInput>& inputs) {
  const Comparison comparison(inputs);
  std::string out = draw_text_table(models_table(comparison)) + "\n";
  for (const std::string& difference : comparison.differences()) {
    out += labelled_text("DIFFERENT", difference, kLabelWidth);
  }
  out += comparison.differences().empty() ? "" : "\n";
  const std::vector<TextTable> tables = summary_tables(comparison);
  for (const TextTable& table : tables) {
    out += draw_text_table(table) + "\n";
  }
  if (tables.empty()) {
    out += "no metric of the blocks is in these results\n\n";
  } else {
    out += labelled_text("", kBlocksRemark, kLabelWidth);
  }
  if (has_stand_ins(comparison)) {
    out += labelled_text("", kStandIn, kLabelWidth);
  }
  for (const std::string& warning : comparison.warnings()) {
    out += labelled_text("warning", warning, kLabelWidth);
  }
  return out;
}

std::string render_comparison_markdown(const std::vector<ComparisonInput>& inputs) {
  const Comparison comparison(inputs);
  std::string out = fmt::format(
      "# Linearity of {} model{} over depth\n\n", inputs.size(), inputs.size() == 1 ? "" : "s");
  out += draw_markdown_table(models_table(comparison)) + "\n";
  out += markdown_list("The runs differ", comparison.differences());
  out += markdown_list("Warnings", comparison.warnings());
  out += "## Over the blocks\n\n";
  const std::vector<TextTable> tables = summary_tables(comparison);
  for (const TextTable& table : tables) {
    out += draw_markdown_table(table) + "\n";
  }
  out += tables.empty() ? "No metric of the blocks is in these results.\n"
                        : markdown_text(kBlocksRemark) + ".\n";
  if (has_stand_ins(comparison)) {
    out += "\n" + markdown_text(kStandIn) + ".\n";
  }
  return out;
}

}  // namespace linscan
