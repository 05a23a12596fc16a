#include "linscan/report/training.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "linscan/base/error.h"
#include "report/json_checks.h"
#include "report/numbers.h"
#include "report/text.h"
#include "report/text_table.h"

namespace linscan {
namespace {

constexpr int kLabelWidth = 13;

std::optional<double> number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? std::optional(found->get<double>())
                                                     : std::nullopt;
}

std::string text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? clean_text(found->get<std::string>())
                                                     : std::string(kMissingMark);
}

std::string regularizer_fact(const Json& settings) {
  const auto found = settings.find("regularizer");
  if (found == settings.end() || !found->is_object() || text(*found, "kind") == "none") {
    return "none";
  }
  const bool apart = found->value("push_apart", false);
  return fmt::format("{}, lambda {}{}",
                     text(*found, "kind"),
                     significant(number(*found, "lambda"), 3),
                     apart ? ", pushing apart" : "");
}

std::vector<std::pair<std::string, std::string>> facts_of(const Json& document) {
  const Json& model = document["model"];
  const Json& data = document["data"];
  const Json& settings = document["settings"];
  std::vector<std::pair<std::string, std::string>> facts;
  facts.emplace_back("model",
                     fmt::format("{}, {} blocks of {}, {} parameters",
                                 text(model, "architecture"),
                                 model.value("blocks", 0),
                                 model.value("hidden", 0),
                                 grouped(model.value("parameters", int64_t{0}))));
  facts.emplace_back("text",
                     fmt::format("{} tokens in {} documents, windows of {}",
                                 grouped(data.value("tokens", int64_t{0})),
                                 grouped(data.value("documents", int64_t{0})),
                                 data.value("ctx", 0)));
  facts.emplace_back("steps",
                     fmt::format("{} of {} tokens{}",
                                 grouped(document["steps"].get<int64_t>()),
                                 grouped(settings.value("batch_tokens", int64_t{0})),
                                 document.value("stopped_early", false) ? ", stopped early" : ""));
  facts.emplace_back("regularizer", regularizer_fact(settings));
  if (const Json& evaluation = document["evaluation"]; evaluation.is_object()) {
    facts.emplace_back("held out",
                       fmt::format("perplexity {} (loss {} nats) on {} tokens",
                                   fixed(number(evaluation, "perplexity"), 3),
                                   fixed(number(evaluation, "loss"), 4),
                                   grouped(evaluation.value("tokens", int64_t{0}))));
  }
  facts.emplace_back("speed",
                     fmt::format("{} tokens/s on {}",
                                 grouped(static_cast<int64_t>(
                                     number(document["compute"], "tokens_per_second").value_or(0))),
                                 text(document["compute"], "device")));
  return facts;
}

TextTable dynamics_of(const Json& document) {
  TextTable table;
  table.columns = {{"", "step"}, {"held-out R2", "stream"}, {"held-out R2", "update"}};
  for (const Json& point : document["linearity"]) {
    table.rows.push_back({grouped(point.at("step").get<int64_t>()),
                          fixed(number(point, "stream"), 4),
                          fixed(number(point, "update"), 4)});
  }
  return table;
}

}  // namespace

void validate_training(const Json& document) {
  check_schema(document, kTrainingSchema, "a result.json of `linscan pretrain-reg`");
  for (const char* key : {"model", "data", "compute", "settings"}) {
    require_object(require(document, key, ""), key);
  }
  check_count(require(document, "steps", ""), "steps");
  require(document, "evaluation", "");
  const Json& linearity = require(document, "linearity", "");
  LINSCAN_CHECK(linearity.is_array(),
                kInput,
                "result: linearity: expected a list, got {}",
                linearity.type_name());
  for (size_t i = 0; i < linearity.size(); ++i) {
    const std::string at = fmt::format("linearity[{}]", i);
    require_object(linearity[i], at);
    check_count(require(linearity[i], "step", at + "."), at + ".step");
  }
}

std::string render_training_table(const Json& document) {
  validate_training(document);
  std::string out;
  for (const auto& [label, fact] : facts_of(document)) {
    out += fmt::format("{:<{}}{}\n", label, kLabelWidth, fact);
  }
  if (!document["linearity"].empty()) {
    out += "\n" + draw_text_table(dynamics_of(document));
    out += "means over blocks\n";
  }
  return out;
}

std::string render_training_markdown(const Json& document) {
  validate_training(document);
  std::string out;
  for (const auto& [label, fact] : facts_of(document)) {
    out += fmt::format("- **{}**: {}\n", label, fact);
  }
  if (!document["linearity"].empty()) {
    out += "\n" + draw_markdown_table(dynamics_of(document));
  }
  return out;
}

}  // namespace linscan
