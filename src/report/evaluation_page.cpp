// The checks behind validate_evaluation(), and the page of an evaluation.
#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "linscan/base/error.h"
#include "linscan/report/evaluation.h"
#include "report/document.h"
#include "report/evaluation_document.h"
#include "report/html.h"
#include "report/html_page.h"
#include "report/json_checks.h"
#include "report/text.h"

namespace linscan {
namespace {

constexpr size_t kMaxRows = 4096;
constexpr size_t kMaxName = 4096;  // of a task or a file
constexpr std::array<std::string_view, 4> kCounts = {"n", "tokens", "positions", "units"};

void check_string(const Json& object, const std::string& key, const std::string& where) {
  const Json& value = require(object, key, where + ".");
  LINSCAN_CHECK(value.is_string(),
                kInput,
                "result: {}.{}: expected a string, got {}",
                where,
                key,
                value.type_name());
}

const Json& require_group(const Json& owner, const std::string& key, const std::string& where) {
  const Json& group = require(owner, key, where);
  require_object(group, where + key);
  return group;
}

// {NAME: {METRIC: number, null or what is not shown}}
void check_rows(const Json& rows, const std::string& where) {
  LINSCAN_CHECK(rows.size() <= kMaxRows,
                kInput,
                "result: {}: {} entries, more than {}",
                where,
                rows.size(),
                kMaxRows);
  for (const auto& [name, row] : rows.items()) {
    LINSCAN_CHECK(
        name.size() <= kMaxName, kInput, "result: {}: a name of {} bytes", where, name.size());
    const std::string path = fmt::format("{}[\"{}\"]", where, clean_text(name));
    require_object(row, path);
    for (const auto& [metric, value] : row.items()) {
      const std::string at = path + "." + clean_text(metric);
      const bool counted = std::ranges::find(kCounts, metric) != kCounts.end();
      if (counted && !value.is_null()) {
        check_count(value, at);
      } else if (value.is_number()) {
        check_number_or_null(value, at);
      }
    }
  }
}

void check_seconds(const Json& compute) {
  const Json& seconds = require(compute, "seconds", "compute.");
  LINSCAN_CHECK(seconds.is_number(),
                kInput,
                "result: compute.seconds: expected a number, got {}",
                seconds.type_name());
  check_number_or_null(seconds, "compute.seconds");
}

}  // namespace

void validate_evaluation(const Json& document) {
  check_schema(document, kEvaluationSchema, "a result of `linscan eval`");
  const Json& model = require_model(document);
  check_string(model, "family", "model");
  for (const char* key : {"blocks", "parameters"}) {
    check_count(require(model, key, "model."), std::string("model.") + key);
  }
  const Json& compute = require_group(document, "compute", "");
  check_string(compute, "dtype", "compute");
  check_string(compute, "device", "compute");
  check_seconds(compute);
  const Json& protocol = require_group(document, "protocol", "");
  for (const char* key : {"ctx", "stride", "max_length"}) {
    check_count(require(protocol, key, "protocol."), std::string("protocol.") + key);
  }
  check_rows(require_group(document, "tasks", ""), "tasks");
  check_rows(require_group(document, "perplexity", ""), "perplexity");
  if (document.contains("divergence")) {
    const Json& divergence = require_group(document, "divergence", "");
    check_rows(require_group(divergence, "texts", "divergence."), "divergence.texts");
    check_string(
        require_group(divergence, "reference", "divergence."), "path", "divergence.reference");
  }
  require(document, "warnings", "");
  check_string_list(document, "warnings");
}

std::string render_evaluation_html(const Json& document) {
  validate_evaluation(document);
  const std::string title = "Evaluation of " + last_component(text_at(document, "model.path"));
  Markup html;
  open_page(html, title);
  html.open("header").newline().element("h1", title).newline();
  html.element("p", {{"class", "lead"}}, evaluation_model_line(document)).newline();
  html.close().newline();
  std::vector<std::string> warnings;
  for (const Json& warning : document["warnings"]) {
    warnings.push_back(clean_text(warning.get_ref<const std::string&>()));
  }
  add_warnings(html, warnings.size() == 1 ? "Warning" : "Warnings", warnings);
  for (const EvaluationSection& section : evaluation_sections(document)) {
    html.open("section").newline();
    add_text_table(html, section.table, {});
    html.element("p", {{"class", "caveat"}}, section.note).newline().close().newline();
  }
  close_with_protocol(html,
                      document,
                      "How it was measured",
                      {{"protocol", "Protocol"},
                       {"model", "Model"},
                       {"data", "Data"},
                       {"divergence", "Distance from the reference"},
                       {"compute", "Compute"},
                       {"software", "Software"},
                       {"config", "Options in effect"}});
  return html.take();
}

}  // namespace linscan
