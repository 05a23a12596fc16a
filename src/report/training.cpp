#include "linscan/report/training.h"

#include <fmt/format.h>

#include <cmath>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "linscan/base/error.h"
#include "report/json_checks.h"
#include "report/numbers.h"
#include "report/text.h"
#include "report/training_document.h"

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

// Counts of a group that may be absent.
void check_counts(const Json& document,
                  const char* group,
                  std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (const auto count = document[group].find(key); count != document[group].end()) {
      check_count(*count, fmt::format("{}.{}", group, key));
    }
  }
}

void check_flag(const Json& object, const char* key, const std::string& where) {
  const auto flag = object.find(key);
  LINSCAN_CHECK(flag == object.end() || flag->is_boolean(),
                kInput,
                "result: {}{}: expected true or false, got {}",
                where,
                key,
                flag->type_name());
}

void check_speed(const Json& compute) {
  check_optional_number(compute, "tokens_per_second", "compute");
  const std::optional<double> speed = number(compute, "tokens_per_second");
  LINSCAN_CHECK(!speed || std::abs(*speed) < 1e15,
                kInput,
                "result: compute.tokens_per_second: {} is not a plausible figure",
                speed.value_or(0));
}

void check_regularizer(const Json& settings) {
  const auto regularizer = settings.find("regularizer");
  if (regularizer != settings.end() && regularizer->is_object()) {
    check_flag(*regularizer, "push_apart", "settings.regularizer.");
    check_optional_number(*regularizer, "lambda", "settings.regularizer");
  }
}

void check_evaluation(const Json& evaluation, const Json& document) {
  if (evaluation.is_null()) {
    return;
  }
  require_object(evaluation, "evaluation");
  check_counts(document, "evaluation", {"tokens"});
  check_optional_number(evaluation, "loss", "evaluation");
  check_optional_number(evaluation, "perplexity", "evaluation");
}

}  // namespace

std::vector<std::pair<std::string, std::string>> training_facts(const Json& document) {
  const Json& model = document["model"];
  const Json& data = document["data"];
  const Json& settings = document["settings"];
  std::vector<std::pair<std::string, std::string>> facts;
  facts.emplace_back("model",
                     fmt::format("{}, {} blocks of {}, {} parameters",
                                 text(model, "architecture"),
                                 grouped(model.value("blocks", int64_t{0})),
                                 grouped(model.value("hidden", int64_t{0})),
                                 grouped(model.value("parameters", int64_t{0}))));
  facts.emplace_back("text",
                     fmt::format("{} tokens in {} documents, windows of {}",
                                 grouped(data.value("tokens", int64_t{0})),
                                 grouped(data.value("documents", int64_t{0})),
                                 grouped(data.value("ctx", int64_t{0}))));
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

TextTable training_steps_table(const Json& document) {
  TextTable table;
  table.columns = {{"", "step"}, {"held-out R2", "stream"}, {"held-out R2", "update"}};
  for (const Json& point : document["linearity"]) {
    table.rows.push_back({grouped(point.at("step").get<int64_t>()),
                          fixed(number(point, "stream"), 4),
                          fixed(number(point, "update"), 4)});
  }
  return table;
}

void validate_training(const Json& document) {
  check_schema(document, kTrainingSchema, "a result.json of `linscan pretrain-reg`");
  for (const char* key : {"model", "data", "compute", "settings"}) {
    require_object(require(document, key, ""), key);
  }
  check_counts(document, "model", {"blocks", "hidden", "parameters"});
  check_counts(document, "data", {"tokens", "documents", "ctx"});
  check_counts(document, "settings", {"batch_tokens"});
  check_speed(document["compute"]);
  check_regularizer(document["settings"]);
  check_count(require(document, "steps", ""), "steps");
  check_flag(document, "stopped_early", "");
  check_evaluation(require(document, "evaluation", ""), document);
  const Json& linearity = require(document, "linearity", "");
  LINSCAN_CHECK(linearity.is_array(),
                kInput,
                "result: linearity: expected a list, got {}",
                linearity.type_name());
  for (size_t i = 0; i < linearity.size(); ++i) {
    const std::string at = fmt::format("linearity[{}]", i);
    require_object(linearity[i], at);
    check_count(require(linearity[i], "step", at + "."), at + ".step");
    check_optional_number(linearity[i], "stream", at);
    check_optional_number(linearity[i], "update", at);
  }
}

std::string render_training_table(const Json& document) {
  validate_training(document);
  std::string out;
  for (const auto& [label, fact] : training_facts(document)) {
    out += fmt::format("{:<{}}{}\n", label, kLabelWidth, fact);
  }
  if (!document["linearity"].empty()) {
    out += "\n" + draw_text_table(training_steps_table(document));
    out += "means over blocks\n";
  }
  return out;
}

std::string render_training_markdown(const Json& document) {
  validate_training(document);
  std::string out;
  for (const auto& [label, fact] : training_facts(document)) {
    out += fmt::format("- **{}**: {}\n", label, fact);
  }
  if (!document["linearity"].empty()) {
    out += "\n" + draw_markdown_table(training_steps_table(document));
  }
  return out;
}

}  // namespace linscan
