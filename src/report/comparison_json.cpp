// The comparison as a document and as CSV.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "linscan/base/version.h"
#include "report/columns.h"
#include "report/comparison.h"
#include "report/run_facts.h"
#include "report/text.h"

namespace linscan {
namespace {

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

std::string interval_path(const ResultDocument& analysis, const std::string& path) {
  const std::string interval = path + "_ci";
  return analysis.any(interval + ".low") ? interval : "";
}

Json curve(const ResultDocument& analysis, const std::string& path) {
  const std::string interval = interval_path(analysis, path);
  Json values = Json::array(), low = Json::array(), high = Json::array();
  for (const Row& row : analysis.blocks()) {
    values.push_back(number_or_null(row.number(path)));
    low.push_back(number_or_null(row.number(interval + ".low")));
    high.push_back(number_or_null(row.number(interval + ".high")));
  }
  Json json = {{"values", std::move(values)}};
  if (!interval.empty()) {
    json["low"] = std::move(low);
    json["high"] = std::move(high);
  }
  if (analysis.post_norm() && !of_blocks_only(path)) {
    json["post_norm"] = number_or_null(analysis.post_norm()->number(path));
  }
  return json;
}

Json extreme_json(const Extreme& extreme) {
  return {{"value", extreme.value}, {"block", extreme.block}};
}

Json summary_json(const Summary& summary) {
  return {{"mean", summary.mean},
          {"min", extreme_json(summary.lowest)},
          {"max", extreme_json(summary.highest)},
          {"blocks", summary.blocks}};
}

Json model_json(const ComparedModel& model) {
  const ResultDocument& analysis = model.analysis;
  Json json = {{"label", model.label}};
  json.update(facts_json(analysis));
  Json depth = Json::array();
  for (size_t i = 0; i < analysis.blocks().size(); ++i) {
    depth.push_back(normalised_depth(analysis, i));
  }
  json["depth"] = std::move(depth);
  json["curves"] = Json::object();
  json["summaries"] = Json::object();
  for (const std::string& path : compared_paths()) {
    if (analysis.any(path)) {
      json["curves"][path] = curve(analysis, path);
    }
    if (const auto summary = summarize_metric(analysis, path); summary) {
      json["summaries"][path] = summary_json(*summary);
    }
  }
  return json;
}

void add_csv_row(const ComparedModel& model,
                 const Row& row,
                 double depth,
                 const std::string& path,
                 std::string& out) {
  const auto field = [](Number value) { return value ? exact(*value) : std::string(); };
  out += fmt::format("{},{},{},{},{},{},{}\r\n",
                     csv_field(model.label),
                     row.name(),
                     exact(depth),
                     path,
                     field(row.number(path)),
                     field(row.number(path + "_ci.low")),
                     field(row.number(path + "_ci.high")));
}

}  // namespace

Json facts_json(const ResultDocument& analysis) {
  const auto number = [&](std::string_view path) {
    return number_or_null(analysis.document_number(path));
  };
  return {{"path", analysis.text("model.path")},
          {"family", text_or_null(analysis.text("model.family"))},
          {"blocks", analysis.blocks().size()},
          {"hidden", analysis.d()},
          {"parameters", number("model.parameters")},
          {"dtype", text_or_null(analysis.text("model.dtype"))},
          {"weights_sha256", text_or_null(analysis.text("model.weights_sha256"))},
          {"n", analysis.n()},
          {"d", analysis.d()},
          {"n_per_d", number_or_null(tokens_per_feature(analysis))},
          {"null_in_sample", number_or_null(analysis.null_score())},
          {"data_sha256", text_or_null(analysis.text("data.sha256"))},
          {"ctx", number("data.ctx")},
          {"protocol", text_or_null(analysis.text("protocol.name"))},
          {"folds", number("protocol.folds")},
          {"seed", number("seed")},
          {"compute_dtype", text_or_null(analysis.text("compute.dtype"))}};
}

Json metric_definitions(const Comparison& comparison) {
  Json out = Json::object();
  for (const std::string& path : compared_paths()) {
    for (const ComparedModel& model : comparison.models()) {
      const Json* definition = model.analysis.definition(path);
      if (definition != nullptr && comparison.any(path)) {
        out[path] = *definition;
        break;
      }
    }
  }
  return out;
}

Json make_comparison(const std::vector<ComparisonInput>& inputs) {
  const Comparison comparison(inputs);
  Json models = Json::array();
  for (const ComparedModel& model : comparison.models()) {
    models.push_back(model_json(model));
  }
  return {{"schema", kComparisonSchema},
          {"software", {{"linscan", version()}, {"commit", commit()}}},
          {"differences", comparison.differences()},
          {"warnings", comparison.warnings()},
          {"metrics", metric_definitions(comparison)},
          {"models", std::move(models)}};
}

std::string render_comparison_csv(const std::vector<ComparisonInput>& inputs) {
  const Comparison comparison(inputs);
  std::string out = "model,block,depth,metric,value,low,high\r\n";
  for (const ComparedModel& model : comparison.models()) {
    for (const std::string& path : compared_paths()) {
      if (!model.analysis.any(path)) {
        continue;
      }
      for (size_t i = 0; i < model.analysis.blocks().size(); ++i) {
        add_csv_row(
            model, model.analysis.blocks()[i], normalised_depth(model.analysis, i), path, out);
      }
      if (const std::optional<Row>& post_norm = model.analysis.post_norm();
          post_norm && !of_blocks_only(path)) {
        add_csv_row(model, *post_norm, 1.0, path, out);
      }
    }
  }
  return out;
}

}  // namespace linscan
