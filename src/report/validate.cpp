// The checks behind validate_analysis(): a result file may have been edited, truncated or made up.
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/report/report.h"
#include "report/json_checks.h"
#include "report/text.h"

namespace linscan {
namespace {

constexpr size_t kMaxBlocks = 4096;
constexpr size_t kMaxMetricsPerBlock = 512;
constexpr int kMaxMetricDepth = 6;

// Names of metrics become column names and dotted paths.
void check_metric_name(const std::string& name, const std::string& where) {
  const bool plain = !name.empty() && name.size() <= 64 &&
                     name.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789_-+:") == std::string::npos;
  LINSCAN_CHECK(plain,
                kInput,
                "result: {}: \"{}\" is not a metric name (letters, digits, _ - + : only)",
                where,
                clean_text(std::string_view(name).substr(0, 64)));
}

void check_rank_keys(const Json& ranks, const std::string& where) {
  for (const auto& item : ranks.items()) {
    const std::string& key = item.key();
    LINSCAN_CHECK(key.size() <= 9 && key.find_first_not_of("0123456789") == std::string::npos &&
                      key.front() != '0',
                  kInput,
                  "result: {}: \"{}\" is not a rank",
                  where,
                  key);
  }
}

// Every leaf is a number, null or an interval [low, high].
void check_metrics(const Json& json, const std::string& where, int depth, size_t& count) {
  LINSCAN_CHECK(++count <= kMaxMetricsPerBlock,
                kInput,
                "result: {}: more than {} metrics in one block",
                where,
                kMaxMetricsPerBlock);
  if (json.is_array()) {
    LINSCAN_CHECK(json.size() == 2,
                  kInput,
                  "result: {}: expected an interval of two numbers, got {} entries",
                  where,
                  json.size());
    check_number_or_null(json[0], where + "[0]");
    check_number_or_null(json[1], where + "[1]");
    return;
  }
  if (!json.is_object()) {
    check_number_or_null(json, where);
    return;
  }
  LINSCAN_CHECK(depth < kMaxMetricDepth,
                kInput,
                "result: {}: metrics are nested deeper than {} levels",
                where,
                kMaxMetricDepth);
  for (const auto& item : json.items()) {
    check_metric_name(item.key(), where);
    check_metrics(item.value(), where + "." + item.key(), depth + 1, count);
  }
}

void check_missing(const Json& missing, const std::string& where) {
  require_object(missing, where);
  for (const auto& item : missing.items()) {
    LINSCAN_CHECK(item.value().is_string(),
                  kInput,
                  "result: {}[\"{}\"]: expected a reason in words, got {}",
                  where,
                  clean_text(item.key()),
                  item.value().type_name());
  }
}

void check_row(const Json& row, const std::string& where) {
  require_object(row, where);
  size_t count = 0;
  for (const auto& item : row.items()) {
    const std::string path = where + "." + item.key();
    if (item.key() == "missing") {
      check_missing(item.value(), path);
    } else if (item.key() != "block") {
      check_metric_name(item.key(), where);
      check_metrics(item.value(), path, 0, count);
    }
  }
  if (const auto baselines = row.find("baselines");
      baselines != row.end() && baselines->is_object()) {
    if (const auto rank = baselines->find("rank"); rank != baselines->end() && rank->is_object()) {
      check_rank_keys(*rank, where + ".baselines.rank");
    }
  }
}

void check_blocks(const Json& blocks) {
  LINSCAN_CHECK(
      blocks.is_array(), kInput, "result: blocks: expected a list, got {}", blocks.type_name());
  LINSCAN_CHECK(blocks.size() <= kMaxBlocks,
                kInput,
                "result: blocks: {} entries, more than {}",
                blocks.size(),
                kMaxBlocks);
  for (size_t i = 0; i < blocks.size(); ++i) {
    const std::string where = fmt::format("blocks[{}]", i);
    require_object(blocks[i], where);
    const Json& index = require(blocks[i], "block", where + ".");
    check_count(index, where + ".block");
    LINSCAN_CHECK(index.get<uint64_t>() == i,
                  kInput,
                  "result: {}.block: got {}, expected {} (blocks stand in order, counted from 0)",
                  where,
                  index.get<uint64_t>(),
                  i);
    check_row(blocks[i], where);
  }
}

void check_definitions(const Json& metrics) {
  require_object(metrics, "metrics");
  for (const auto& item : metrics.items()) {
    const std::string where = fmt::format("metrics[\"{}\"]", clean_text(item.key()));
    require_object(item.value(), where);
    for (const char* key : {"label", "group", "formula", "meaning", "direction", "source"}) {
      check_optional_string(item.value(), key, where);
    }
    if (const auto range = item.value().find("range");
        range != item.value().end() && !range->is_null()) {
      LINSCAN_CHECK(range->is_array() && range->size() == 2,
                    kInput,
                    "result: {}.range: expected two numbers or nulls",
                    where);
      check_number_or_null((*range)[0], where + ".range[0]");
      check_number_or_null((*range)[1], where + ".range[1]");
    }
  }
}

// Figures about the run that are shown; whole groups may be absent.
void check_environment(const Json& document) {
  constexpr std::pair<const char*, const char*> kNumbers[] = {{"data", "tokens"},
                                                              {"data", "windows"},
                                                              {"data", "documents"},
                                                              {"data", "ctx"},
                                                              {"compute", "seconds"},
                                                              {"compute", "peak_memory_bytes"},
                                                              {"protocol", "folds"}};
  for (const auto& [group, key] : kNumbers) {
    if (const auto it = document.find(group); it != document.end() && it->is_object()) {
      check_optional_number(*it, key, group);
    }
  }
}

// Dotted metric paths as keys, each with a correlation.
void check_correlations(const Json& scores, const std::string& where) {
  require_object(scores, where);
  LINSCAN_CHECK(scores.size() <= kMaxMetricsPerBlock,
                kInput,
                "result: {}: {} entries, more than {}",
                where,
                scores.size(),
                kMaxMetricsPerBlock);
  for (const auto& item : scores.items()) {
    const std::string path = fmt::format("{}[\"{}\"]", where, clean_text(item.key()));
    LINSCAN_CHECK(item.key().size() <= 256, kInput, "result: {}: is no metric's path", where);
    check_number_or_null(item.value(), path);
    LINSCAN_CHECK(item.value().is_null() || std::abs(item.value().get<double>()) <= 1,
                  kInput,
                  "result: {}: {} is not a correlation",
                  path,
                  item.value().dump());
  }
}

// Counts of token errors between edges, for each block.
void check_token_errors(const Json& errors) {
  const std::string path = "damage.token_errors";
  require_object(errors, path);
  const Json& edges = require(errors, "edges", path + ".");
  LINSCAN_CHECK(edges.is_array() && edges.size() > 1,
                kInput,
                "result: {}.edges: expected an array of at least two numbers",
                path);
  double last = 0;
  for (const Json& edge : edges) {
    LINSCAN_CHECK(edge.is_number() && edge.get<double>() > last,
                  kInput,
                  "result: {}.edges: expected ascending numbers above 0",
                  path);
    last = edge.get<double>();
  }
  for (const char* kind : {"stream", "update"}) {
    const std::string where = fmt::format("{}.{}", path, kind);
    const Json& blocks = require(errors, kind, path + ".");
    LINSCAN_CHECK(blocks.is_array(), kInput, "result: {}: expected an array", where);
    for (const Json& counts : blocks) {
      LINSCAN_CHECK(counts.is_array() && counts.size() == edges.size() + 1,
                    kInput,
                    "result: {}: expected {} counts for each block",
                    where,
                    edges.size() + 1);
      for (const Json& count : counts) {
        check_count(count, where);
      }
    }
  }
}

// What the damage of all blocks was measured on, and how the scores go with it.
void check_damage(const Json& damage) {
  require_object(damage, "damage");
  for (const char* key : {"tokens", "windows"}) {
    if (const auto it = damage.find(key); it != damage.end()) {
      check_count(*it, fmt::format("damage.{}", key));
    }
  }
  if (const auto dense = damage.find("dense"); dense != damage.end()) {
    require_object(*dense, "damage.dense");
    check_optional_number(*dense, "ce", "damage.dense");
    check_optional_number(*dense, "perplexity", "damage.dense");
  }
  if (const auto table = damage.find("rank_correlation"); table != damage.end()) {
    require_object(*table, "damage.rank_correlation");
    for (const auto& item : table->items()) {
      check_correlations(item.value(), "damage.rank_correlation." + clean_text(item.key()));
    }
  }
  if (const auto missing = damage.find("missing"); missing != damage.end()) {
    check_missing(*missing, "damage.missing");
  }
  if (const auto errors = damage.find("token_errors"); errors != damage.end()) {
    check_token_errors(*errors);
  }
}

// What the probes of all blocks were fitted to.
void check_probe(const Json& probe) {
  require_object(probe, "probe");
  check_optional_number(probe, "chance", "probe");
  check_optional_string(probe, "task", "probe");
  if (const auto texts = probe.find("texts"); texts != probe.end()) {
    check_count(*texts, "probe.texts");
  }
  if (const auto embedding = probe.find("embedding"); embedding != probe.end()) {
    require_object(*embedding, "probe.embedding");
    check_optional_number(*embedding, "accuracy", "probe.embedding");
    check_optional_number(*embedding, "stderr", "probe.embedding");
  }
}

}  // namespace

void validate_analysis(const Json& document) {
  check_schema(document, kAnalysisSchema, "a result.json of `linscan analyze`");
  const Json& model = require_model(document);
  for (const char* key : {"family", "architecture", "dtype", "weights_sha256"}) {
    check_optional_string(model, key, "model");
  }
  for (const char* key : {"blocks", "hidden", "parameters"}) {
    check_optional_number(model, key, "model");
  }
  for (const char* key : {"data", "compute", "software", "config", "protocol"}) {
    if (const auto it = document.find(key); it != document.end() && !it->is_null()) {
      require_object(*it, key);
    }
  }
  check_environment(document);
  check_count(require(document, "n", ""), "n");
  check_count(require(document, "d", ""), "d");
  check_optional_number(document, "null_in_sample", "");
  check_string_list(document, "warnings");
  if (const auto metrics = document.find("metrics"); metrics != document.end()) {
    check_definitions(*metrics);
  }
  if (const auto damage = document.find("damage"); damage != document.end() && !damage->is_null()) {
    check_damage(*damage);
  }
  if (const auto probe = document.find("probe"); probe != document.end() && !probe->is_null()) {
    check_probe(*probe);
  }
  check_blocks(require(document, "blocks", ""));
  for (const char* key : {"embedding", "post_norm"}) {
    if (const auto it = document.find(key); it != document.end() && !it->is_null()) {
      check_row(*it, key);
    }
  }
}

}  // namespace linscan
