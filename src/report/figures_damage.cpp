// The figures of damage: what editing one block does to the model, and which score says so.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "report/figures.h"
#include "report/html.h"
#include "report/text.h"

namespace linscan {
namespace {

struct Edit {
  const char* name;  // in the document
  const char* label;
  int color;
  MarkStyle mark;
};

constexpr std::array kEdits = {Edit{"remove", "removed", 1, MarkStyle::kDot},
                               Edit{"linear", "replaced by its map", 2, MarkStyle::kSquare}};

std::string damage_path(const Edit& edit, const std::string& figure) {
  return fmt::format("damage.{}.{}", edit.name, figure);
}

Chart damage_chart(const ResultDocument& analysis,
                   const std::string& figure,
                   std::string title,
                   std::string description) {
  Chart chart;
  chart.id = "damage-" + figure;
  chart.title = std::move(title);
  chart.description = std::move(description);
  chart.x = block_axis(analysis);
  for (const Edit& edit : kEdits) {
    const Curve curve{
        damage_path(edit, figure), edit.label, edit.color, LineStyle::kStrong, edit.mark, ""};
    chart.series.push_back(block_series(analysis, curve, ValueTransform::kNone));
  }
  return chart;
}

// " On 4,096 tokens in 8 windows, where the dense model has a perplexity of 12.3."
std::string sample_sentence(const ResultDocument& analysis) {
  const Number tokens = analysis.document_number("damage.tokens");
  if (!tokens) {
    return "";
  }
  std::string text =
      fmt::format(" Measured on {} tokens", grouped(std::llround(std::min(*tokens, 1e15))));
  if (const Number windows = analysis.document_number("damage.windows"); windows) {
    text += fmt::format(" in {} window{}", fixed(windows, 0), *windows == 1 ? "" : "s");
  }
  if (const Number perplexity = analysis.document_number("damage.dense.perplexity"); perplexity) {
    text += fmt::format(", where the model as it is has a perplexity of {}",
                        significant(perplexity, 4));
  }
  return text + ".";
}

// A score against which the damage is drawn.
struct ScatterScore {
  const char* path;
  const char* label;
  ValueTransform transform;
};

constexpr std::array kScatterScores = {
    ScatterScore{"linearity.update.held_out", "1 − R² of the update", ValueTransform::kUnexplained},
    ScatterScore{"block_influence", "block influence", ValueTransform::kNone},
    ScatterScore{"norm.ratio", "norm ratio", ValueTransform::kNone}};

Number correlation(const ResultDocument& analysis, const Edit& edit, const std::string& path) {
  const Json* table =
      find_path(analysis.json(), fmt::format("damage.rank_correlation.{}", edit.name));
  if (table == nullptr || !table->is_object()) {
    return std::nullopt;
  }
  const auto it = table->find(path);
  return it != table->end() && it->is_number() ? Number(it->get<double>()) : std::nullopt;
}

std::string axis_label(const ResultDocument& analysis, const ScatterScore& score) {
  std::vector<std::string> values;
  for (const Edit& edit : kEdits) {
    const Number rho = correlation(analysis, edit, score.path);
    values.push_back(rho ? fixed(rho, 2) : std::string(kMissingMark));
  }
  return fmt::format("{} (ρ {} / {})", score.label, values[0], values[1]);
}

ChartSeries scatter_series(const ResultDocument& analysis,
                           const ScatterScore& score,
                           const Edit& edit) {
  ChartSeries series{edit.label, edit.color, LineStyle::kNone, edit.mark, {}};
  const std::string damage = damage_path(edit, "kl");
  for (const Row& row : analysis.blocks()) {
    const Number value = row.number(score.path), kl = row.number(damage);
    if (!value || !kl) {
      continue;
    }
    ChartPoint point;
    point.x = score.transform == ValueTransform::kUnexplained ? 1 - *value : *value;
    point.y = kl;
    point.note = fmt::format("block {} {}: KL {}, {} {}",
                             row.name(),
                             edit.label,
                             significant(kl, 3),
                             score.label,
                             significant(point.x, 3));
    series.points.push_back(std::move(point));
  }
  std::stable_sort(series.points.begin(),
                   series.points.end(),
                   [](const ChartPoint& a, const ChartPoint& b) { return a.x < b.x; });
  return series;
}

Chart scatter_chart(const ResultDocument& analysis, const ScatterScore& score, size_t index) {
  Chart chart;
  chart.id = fmt::format("scatter-{}", index);
  chart.title = fmt::format("KL over {}", score.label);
  chart.description = fmt::format("Damage of every block over its {}.", score.label);
  chart.y.label = "KL, nats per token (log)";
  chart.y.logarithmic = true;
  double low = INFINITY, high = -INFINITY;
  for (const Edit& edit : kEdits) {
    chart.series.push_back(scatter_series(analysis, score, edit));
    for (const ChartPoint& point : chart.series.back().points) {
      low = std::min(low, point.x);
      high = std::max(high, point.x);
    }
  }
  constexpr int kTicks = 6;
  const Range range = low <= high ? round_range({low, high}, kTicks) : Range{0, 1};
  chart.x = {axis_label(analysis, score), range.low, range.high, AxisKind::kContinuous, ""};
  return chart;
}

std::string score_label(const ResultDocument& analysis, const std::string& path) {
  const Json* definition = analysis.definition(path);
  const Json* label = definition == nullptr ? nullptr : find_path(*definition, "label");
  return label != nullptr && label->is_string() ? clean_text(label->get_ref<const std::string&>())
                                                : clean_text(path);
}

// Why a correlation is missing.
std::string correlation_reason(const ResultDocument& analysis,
                               const Edit& edit,
                               const std::string& path) {
  const Json* missing = find_path(analysis.json(), "damage.missing");
  if (missing == nullptr || !missing->is_object()) {
    return "";
  }
  const auto it = missing->find(fmt::format("rank_correlation.{}.{}", edit.name, path));
  return it != missing->end() && it->is_string() ? clean_text(it->get_ref<const std::string&>())
                                                 : "";
}

}  // namespace

TextTable correlation_table(const ResultDocument& analysis) {
  TextTable table;
  table.columns = {{"", "score", true}};
  std::vector<std::string> paths;
  for (const Edit& edit : kEdits) {
    table.columns.push_back({"ρ with KL", edit.label});
    const Json* scores =
        find_path(analysis.json(), fmt::format("damage.rank_correlation.{}", edit.name));
    if (scores == nullptr || !scores->is_object()) {
      continue;
    }
    for (const auto& item : scores->items()) {
      if (std::find(paths.begin(), paths.end(), item.key()) == paths.end()) {
        paths.push_back(item.key());
      }
    }
  }
  bool any_missing = false;
  for (const std::string& path : paths) {
    table.rows.push_back({score_label(analysis, path)});
    std::vector<std::string> reasons;
    for (const Edit& edit : kEdits) {
      const Number rho = correlation(analysis, edit, path);
      table.rows.back().push_back(fixed(rho, 2));
      const std::string reason = rho ? "" : correlation_reason(analysis, edit, path);
      if (!reason.empty() && std::find(reasons.begin(), reasons.end(), reason) == reasons.end()) {
        reasons.push_back(reason);
      }
    }
    any_missing |= !reasons.empty();
    table.rows.back().push_back(join_words(reasons));
  }
  if (any_missing) {
    table.columns.push_back({"", "missing because", true});
  } else {
    for (auto& row : table.rows) {
      row.pop_back();
    }
  }
  return table;
}

std::optional<Figure> damage_figure(const ResultDocument& analysis) {
  Chart kl = damage_chart(analysis,
                          "kl",
                          "KL when one block is edited, over depth",
                          "KL of the edited model's predictions, for every block removed or "
                          "replaced by its map.");
  kl.y.label = "KL, nats per token (log)";
  kl.y.logarithmic = true;
  Chart top1 = damage_chart(analysis,
                            "top1",
                            "Top-1 agreement when one block is edited, over depth",
                            "Share of positions whose most likely token stays the same.");
  top1.y.label = "top-1 agreement";
  top1.y.high = 1.0;
  std::vector<std::string> paths;
  bool any = false;
  for (const Edit& edit : kEdits) {
    for (const char* figure : {"kl", "ce", "top1"}) {
      paths.push_back(damage_path(edit, figure));
      any |= analysis.any(paths.back());
    }
  }
  if (!any) {
    return std::nullopt;
  }
  return Figure{"fig-damage",
                "What does the model lose without a block?",
                side_by_side({kl, top1}, 2),
                "One block at a time is left out, or replaced by the affine map that was fitted "
                "to it, and the rest of the model runs on. Left: how far the predictions move "
                "(zero is not drawn). Right: how often the most likely token stays the same." +
                    sample_sentence(analysis),
                "One block alone: what several edits do together is not the sum of this. The "
                "change of cross-entropy is in the table; it can be negative.",
                paths};
}

std::optional<Figure> correlation_figure(const ResultDocument& analysis) {
  std::vector<Chart> charts;
  std::vector<std::string> paths;
  for (const ScatterScore& score : kScatterScores) {
    Chart chart = scatter_chart(analysis, score, charts.size());
    if (has_points(chart)) {
      charts.push_back(std::move(chart));
      paths.emplace_back(score.path);
    }
  }
  const TextTable table = correlation_table(analysis);
  if (charts.empty() && table.rows.empty()) {
    return std::nullopt;
  }
  for (const Edit& edit : kEdits) {
    paths.push_back(damage_path(edit, "kl"));
  }
  Markup drawing;
  if (!charts.empty()) {
    drawing.append(side_by_side(charts, 3)).newline();
  }
  if (!table.rows.empty()) {
    add_text_table(drawing, table, {});
  }
  return Figure{
      "fig-correlation",
      "Does a score find the blocks that can go?",
      drawing.take(),
      "Every point is a block; in brackets ρ with KL, removed / replaced by its map. " +
          std::string(kCorrelationRemark) + ".",
      "With few blocks a rank correlation says little: 6 blocks in random order reach |ρ| = 0.8 "
      "once in 17 times. A score that finds the damage in one model need not do so in the next.",
      paths};
}

}  // namespace linscan
