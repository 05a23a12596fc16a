#include "linscan/report/finetuning.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "linscan/base/error.h"
#include "report/chart.h"
#include "report/facts.h"
#include "report/figures.h"
#include "report/html.h"
#include "report/html_page.h"
#include "report/json_checks.h"
#include "report/numbers.h"
#include "report/text.h"
#include "report/text_table.h"

namespace linscan {
namespace {

constexpr int kLabelWidth = 13;

struct FigureColumn {
  const char* key;
  const char* group;
  const char* head;
  int decimals;
};
constexpr std::array<FigureColumn, 5> kColumns{{
    {"update", "update R2", "held out", 4},
    {"update_in_sample", "update R2", "in sample", 4},
    {"stream", "stream R2", "held out", 4},
    {"norm_ratio", "norm", "ratio", 4},
    {"effective_rank", "effective", "rank", 2},
}};

constexpr std::string_view kRemark =
    "± one standard deviation over seeds; norm ratio: length of the update over that of the stream";

std::string signed_number(Number value, int decimals) {
  return (value && *value > 0 ? "+" : "") + fixed(value, decimals);
}

// A setting as it was given.
std::string shown(Number value) {
  return value ? exact(*value) : std::string(kMissingMark);
}

std::string with_spread(const Json& document, const std::string& path, int decimals, bool sign) {
  const Number mean = number_at(document, path + ".mean");
  const Number sd = number_at(document, path + ".sd");
  std::string text = sign ? signed_number(mean, decimals) : fixed(mean, decimals);
  return sd ? text + " ± " + fixed(sd, decimals) : text;
}

std::vector<std::pair<std::string, std::string>> facts_of(const Json& document) {
  std::vector<std::pair<std::string, std::string>> facts;
  facts.emplace_back("model", model_line(document));
  facts.emplace_back(
      "task",
      fmt::format(
          "{}: {} examples to train on, {} to validate with",
          text_at(document, "task.task"),
          grouped(static_cast<int64_t>(number_at(document, "task.train.examples").value_or(0))),
          grouped(
              static_cast<int64_t>(number_at(document, "task.validation.examples").value_or(0)))));
  facts.emplace_back("training",
                     fmt::format("{}, {} epochs, {} steps of {} examples, learning rate {}, {} "
                                 "seed{}",
                                 text_at(document, "settings.train"),
                                 shown(number_at(document, "settings.epochs")),
                                 shown(number_at(document, "settings.steps")),
                                 shown(number_at(document, "settings.batch")),
                                 shown(number_at(document, "settings.learning_rate")),
                                 document["seeds"].size(),
                                 document["seeds"].size() == 1 ? "" : "s"));
  std::string validation =
      "accuracy " + with_spread(document, "evaluation.accuracy", 3, /*sign=*/false);
  if (find_path(document, "evaluation.f1") != nullptr) {
    validation += ", F1 " + with_spread(document, "evaluation.f1", 3, /*sign=*/false);
    validation += fmt::format(" (the most frequent class: {})",
                              fixed(number_at(document, "evaluation.majority.mean"), 3));
  }
  facts.emplace_back(
      "validation",
      validation + ", loss " + with_spread(document, "evaluation.loss", 3, /*sign=*/false));
  facts.emplace_back("measured on", data_line(document));
  facts.emplace_back(
      "chance",
      fmt::format("in sample d/(n-1) = {}", fixed(number_at(document, "null_in_sample"), 4)));
  return facts;
}

TextTable::Column column_of(const FigureColumn& column) {
  return {column.group, column.head};
}

// Before, after and change of the means over blocks, and the change of each seed.
TextTable overview_of(const Json& document) {
  TextTable table;
  table.columns = {{"", "mean over blocks", /*left=*/true}};
  std::vector<std::string> before = {"before"};
  std::vector<std::string> after = {"after"};
  std::vector<std::string> change = {"change"};
  for (const FigureColumn& column : kColumns) {
    const std::string key = column.key;
    table.columns.push_back(column_of(column));
    before.push_back(fixed(number_at(document, "before." + key), column.decimals));
    after.push_back(with_spread(document, "after." + key, column.decimals, /*sign=*/false));
    change.push_back(with_spread(document, "change." + key, column.decimals, /*sign=*/true));
  }
  table.rows = {std::move(before), std::move(after), std::move(change)};
  for (const Json& seed : document["seeds"]) {
    std::vector<std::string> row = {
        fmt::format("change, seed {}", exact(number_at(seed, "seed").value_or(0)))};
    for (const FigureColumn& column : kColumns) {
      row.push_back(
          signed_number(number_at(seed, std::string("change.") + column.key), column.decimals));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

TextTable blocks_of(const Json& document) {
  TextTable table;
  table.columns = {{"", "block"},
                   {"update R2", "before"},
                   {"update R2", "change"},
                   {"stream R2", "before"},
                   {"stream R2", "change"},
                   {"norm ratio", "before"},
                   {"norm ratio", "change"},
                   {"effective rank", "before"},
                   {"effective rank", "change"}};
  for (const Json& block : document["blocks"]) {
    std::vector<std::string> row = {exact(number_at(block, "block").value_or(0))};
    for (const auto& [key, decimals] : {std::pair("update", 4),
                                        std::pair("stream", 4),
                                        std::pair("norm_ratio", 4),
                                        std::pair("effective_rank", 2)}) {
      row.push_back(fixed(number_at(block, std::string("before.") + key), decimals));
      row.push_back(with_spread(block, std::string("change.") + key, decimals, /*sign=*/true));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

// One figure before and after, block by block; the whiskers are a standard deviation.
Chart change_chart(const Json& document, const char* key, const char* name) {
  Chart chart;
  chart.id = fmt::format("change-{}", key);
  chart.title = fmt::format("{} before and after", name);
  chart.description = "One point for each block, before the training and after it.";
  chart.x = {"block", 0, static_cast<double>(document["blocks"].size()) - 1, AxisKind::kIndex, ""};
  ChartSeries before{"before", 1, LineStyle::kDashed, MarkStyle::kDot, {}};
  ChartSeries after{"after", 2, LineStyle::kStrong, MarkStyle::kSquare, {}};
  for (const Json& block : document["blocks"]) {
    const auto x = static_cast<double>(before.points.size());
    const Number was = number_at(block, std::string("before.") + key);
    const Number is = number_at(block, fmt::format("after.{}.mean", key));
    const Number sd = number_at(block, fmt::format("after.{}.sd", key));
    before.points.push_back({x, was, {}, {}, fmt::format("block {} before: {}", x, fixed(was, 4))});
    ChartPoint point{x, is, {}, {}, fmt::format("block {} after: {}", x, fixed(is, 4))};
    if (is && sd) {
      point.low = *is - *sd;
      point.high = *is + *sd;
    }
    after.points.push_back(std::move(point));
  }
  chart.series = {std::move(before), std::move(after)};
  chart.y.label = name;
  return chart;
}

void add_changes(Markup& html, const Json& document) {
  const std::vector<Chart> charts = {change_chart(document, "update", "R² of the update, held out"),
                                     change_chart(document, "stream", "R² of the stream, held out"),
                                     change_chart(document, "norm_ratio", "norm ratio"),
                                     change_chart(document, "effective_rank", "effective rank")};
  if (std::ranges::none_of(charts, has_points)) {
    return;
  }
  add_figure(
      html,
      {"fig-change",
       "What did the training do to each block?",
       side_by_side(charts, 2),
       "Each block before the training and after it; whiskers are one standard deviation over "
       "the seeds.",
       "A score also rises where updates become short or states collapse into few directions: "
       "read the four together.",
       {}},
      1,
      {},
      [&] { add_text_table(html, blocks_of(document), {}); });
}

std::vector<std::string> warnings_of(const Json& document) {
  std::vector<std::string> warnings;
  const Json* list = find_path(document, "warnings");
  if (list != nullptr && list->is_array()) {
    for (const Json& warning : *list) {
      if (warning.is_string()) {
        warnings.push_back(clean_text(warning.get<std::string>()));
      }
    }
  }
  return warnings;
}

}  // namespace

void validate_finetuning(const Json& document) {
  check_schema(document, kFinetuningSchema, "a result.json of `linscan finetune`");
  for (const char* key :
       {"model", "task", "data", "settings", "before", "after", "change", "evaluation"}) {
    require_object(require(document, key, ""), key);
  }
  for (const char* key : {"blocks", "seeds"}) {
    const Json& list = require(document, key, "");
    LINSCAN_CHECK(
        list.is_array(), kInput, "result: {}: expected a list, got {}", key, list.type_name());
    for (size_t i = 0; i < list.size(); ++i) {
      require_object(list[i], fmt::format("{}[{}]", key, i));
    }
  }
}

std::string render_finetuning_table(const Json& document) {
  validate_finetuning(document);
  std::string out;
  for (const auto& [label, fact] : facts_of(document)) {
    out += labelled_text(label, fact, kLabelWidth);
  }
  out += "\n" + draw_text_table(overview_of(document));
  out += "\n" + draw_text_table(blocks_of(document));
  out += "\n" + labelled_text("", kRemark, kLabelWidth);
  for (const std::string& warning : warnings_of(document)) {
    out += labelled_text("warning", warning, kLabelWidth);
  }
  return out;
}

std::string render_finetuning_html(const Json& document) {
  validate_finetuning(document);
  const std::string title = "Fine-tuning of " + last_component(text_at(document, "model.path"));
  Markup html;
  open_page(html, title);
  add_titled_facts(html, title, facts_of(document));
  const std::vector<std::string> warnings = warnings_of(document);
  add_warnings(html, warnings.size() == 1 ? "Warning" : "Warnings", warnings);
  html.open("section").newline();
  add_text_table(html, overview_of(document), {});
  html.element("p", {{"class", "caveat"}}, kRemark).newline().close().newline();
  add_changes(html, document);
  close_with_protocol(html,
                      document,
                      "How it was made",
                      {{"settings", "Settings"},
                       {"task", "Task"},
                       {"model", "Model"},
                       {"data", "Text of the scores"},
                       {"compute", "Compute"},
                       {"software", "Software"},
                       {"config", "Options in effect"}});
  return html.take();
}

std::string render_finetuning_markdown(const Json& document) {
  validate_finetuning(document);
  std::string out;
  for (const auto& [label, fact] : facts_of(document)) {
    out += fmt::format("- **{}**: {}\n", label, markdown_text(fact));
  }
  out += "\n" + draw_markdown_table(overview_of(document));
  out += "\n" + draw_markdown_table(blocks_of(document));
  out += "\n" + markdown_text(kRemark) + ".\n";
  const std::vector<std::string> warnings = warnings_of(document);
  return warnings.empty() ? out : out + "\n" + markdown_list("Warnings", warnings);
}

}  // namespace linscan
