#include "linscan/report/distillation.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "linscan/base/error.h"
#include "report/html.h"
#include "report/html_page.h"
#include "report/json_checks.h"
#include "report/numbers.h"
#include "report/text.h"
#include "report/text_table.h"

namespace linscan {
namespace {

constexpr int kLabelWidth = 10;

struct Figure {
  const char* key;
  const char* label;
  int digits;
};

// Those a run does not have are left out.
constexpr Figure kFigures[] = {{"kl", "KL from the teacher, nats", 4},
                               {"cross_entropy", "cross-entropy, nats", 4},
                               {"perplexity", "perplexity", 3},
                               {"top1", "same likeliest token", 4},
                               {"mse", "squared distance of states", 5},
                               {"cosine", "1 - cosine of states", 5}};

std::optional<double> number(const Json& object, const std::string& key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? std::optional(found->get<double>())
                                                     : std::nullopt;
}

int64_t count(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

std::string text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? clean_text(found->get<std::string>())
                                                     : std::string(kMissingMark);
}

std::string model_fact(const Json& model) {
  return fmt::format("{} ({}, {} blocks, {} parameters)",
                     text(model, "path"),
                     text(model, "architecture"),
                     count(model, "blocks"),
                     grouped(count(model, "parameters")));
}

std::string loss_fact(const Json& losses) {
  std::string fact;
  for (const char* name : {"kl", "mse", "cosine", "cross_entropy"}) {
    const double weight = number(losses, name).value_or(0);
    if (weight > 0) {
      fact += fmt::format("{}{} x {}", fact.empty() ? "" : " + ", significant(weight, 3), name);
    }
  }
  if (const double temperature = number(losses, "temperature").value_or(1); temperature != 1) {
    fact += fmt::format(", temperature {}", significant(temperature, 3));
  }
  if (const int64_t top = count(losses, "top_k"); top > 0) {
    fact += fmt::format(", the teacher's {} likeliest tokens", top);
  }
  return fact;
}

std::vector<std::pair<std::string, std::string>> facts_of(const Json& document) {
  const Json& data = document["data"];
  std::vector<std::pair<std::string, std::string>> facts;
  facts.emplace_back("teacher", model_fact(document["teacher"]));
  facts.emplace_back("student", model_fact(document["student"]));
  facts.emplace_back("text",
                     fmt::format("{} tokens in {} documents, windows of {}",
                                 grouped(count(data, "tokens")),
                                 grouped(count(data, "documents")),
                                 count(data, "ctx")));
  facts.emplace_back("trained", text(document, "train"));
  facts.emplace_back("loss", loss_fact(document["losses"]));
  std::string steps = fmt::format("{} of {} tokens",
                                  grouped(count(document, "steps")),
                                  grouped(count(document["settings"], "batch_tokens")));
  if (document.value("stopped_early", false)) {
    steps += fmt::format(", stopped early; the weights are those of step {}",
                         grouped(count(document, "best_step")));
  }
  facts.emplace_back("steps", std::move(steps));
  const double speed = number(document["compute"], "tokens_per_second").value_or(0);
  facts.emplace_back("speed",
                     fmt::format("{} tokens/s on {}",
                                 grouped(static_cast<int64_t>(speed)),
                                 text(document["compute"], "device")));
  return facts;
}

TextTable figures_of(const Json& document) {
  const Json& before = document["before"];
  const Json& after = document["after"];
  TextTable table;
  table.columns = {{"", "held out"},
                   {"before", ""},
                   {"before", "±"},
                   {"after", ""},
                   {"after", "±"},
                   {"", "teacher"}};
  for (const Figure& figure : kFigures) {
    if (!after.contains(figure.key)) {
      continue;
    }
    const std::string error = std::string(figure.key) + "_stderr";
    table.rows.push_back(
        {figure.label,
         fixed(number(before, figure.key), figure.digits),
         fixed(number(before, error), figure.digits),
         fixed(number(after, figure.key), figure.digits),
         fixed(number(after, error), figure.digits),
         fixed(number(after, std::string("teacher_") + figure.key), figure.digits)});
  }
  return table;
}

std::string footnote(const Json& document) {
  const Json& after = document["after"];
  return fmt::format("on {} predicted tokens; ±: standard error over {} {}s\n",
                     grouped(count(after, "tokens")),
                     grouped(count(after, "units")),
                     text(after, "unit"));
}

}  // namespace

void validate_distillation(const Json& document) {
  check_schema(document, kDistillationSchema, "a result.json of `linscan distill`");
  for (const char* key :
       {"teacher", "student", "data", "losses", "compute", "settings", "before", "after"}) {
    require_object(require(document, key, ""), key);
  }
  check_count(require(document, "steps", ""), "steps");
}

std::string render_distillation_table(const Json& document) {
  validate_distillation(document);
  std::string out;
  for (const auto& [label, fact] : facts_of(document)) {
    out += fmt::format("{:<{}}{}\n", label, kLabelWidth, fact);
  }
  out += "\n" + draw_text_table(figures_of(document)) + footnote(document);
  return out;
}

std::string render_distillation_html(const Json& document) {
  validate_distillation(document);
  const std::string title = "Healing of " + last_component(text(document["student"], "path"));
  Markup html;
  open_page(html, title);
  add_titled_facts(html, title, facts_of(document));
  html.open("section").newline();
  add_text_table(html, figures_of(document), {});
  html.element("p", {{"class", "caveat"}}, footnote(document)).newline().close().newline();
  close_with_protocol(html,
                      document,
                      "How it was made",
                      {{"settings", "Settings"},
                       {"losses", "Losses"},
                       {"teacher", "Teacher"},
                       {"student", "Student"},
                       {"data", "Data"},
                       {"compute", "Compute"},
                       {"software", "Software"},
                       {"config", "Options in effect"}});
  return html.take();
}

std::string render_distillation_markdown(const Json& document) {
  validate_distillation(document);
  std::string out;
  for (const auto& [label, fact] : facts_of(document)) {
    out += fmt::format("- **{}**: {}\n", label, fact);
  }
  out += "\n" + draw_markdown_table(figures_of(document)) + "\n" + footnote(document);
  return out;
}

}  // namespace linscan
