#include "report/json_checks.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "linscan/base/error.h"
#include "report/text.h"

namespace linscan {
namespace {

constexpr double kLargestFigure =
    1e100;  // beyond it no metric is, and axis arithmetic could overflow

}  // namespace

const Json& require(const Json& object, const std::string& key, const std::string& where) {
  const auto it = object.find(key);
  LINSCAN_CHECK(it != object.end(), kInput, "result: {}{} is missing", where, key);
  return *it;
}

void require_object(const Json& json, const std::string& path) {
  LINSCAN_CHECK(
      json.is_object(), kInput, "result: {}: expected an object, got {}", path, json.type_name());
}

const Json& require_model(const Json& document) {
  const Json& model = require(document, "model", "");
  require_object(model, "model");
  const Json& path = require(model, "path", "model.");
  LINSCAN_CHECK(
      path.is_string(), kInput, "result: model.path: expected a string, got {}", path.type_name());
  return model;
}

void check_count(const Json& json, const std::string& path) {
  LINSCAN_CHECK(json.is_number_integer(),
                kInput,
                "result: {}: expected a whole number, got {}",
                path,
                json.type_name());
  const bool fits = !json.is_number_unsigned() || json.get<uint64_t>() <= uint64_t{INT64_MAX};
  LINSCAN_CHECK(
      fits && json.get<int64_t>() >= 0, kInput, "result: {}: {} is not a count", path, json.dump());
}

void check_number_or_null(const Json& json, const std::string& path) {
  LINSCAN_CHECK(json.is_number() || json.is_null(),
                kInput,
                "result: {}: expected a number or null, got {}",
                path,
                json.type_name());
  if (json.is_number()) {
    const double value = json.get<double>();
    LINSCAN_CHECK(std::isfinite(value) && std::abs(value) <= kLargestFigure,
                  kInput,
                  "result: {}: {} is not a plausible figure",
                  path,
                  value);
  }
}

void check_optional_string(const Json& object, const std::string& key, const std::string& where) {
  const auto it = object.find(key);
  LINSCAN_CHECK(it == object.end() || it->is_string() || it->is_null(),
                kInput,
                "result: {}.{}: expected a string, got {}",
                where,
                key,
                it->type_name());
}

void check_optional_number(const Json& object, const std::string& key, const std::string& where) {
  if (const auto it = object.find(key); it != object.end()) {
    check_number_or_null(*it, where.empty() ? key : where + "." + key);
  }
}

void check_string_list(const Json& document, const std::string& key) {
  const auto list = document.find(key);
  if (list == document.end()) {
    return;
  }
  LINSCAN_CHECK(
      list->is_array(), kInput, "result: {}: expected a list, got {}", key, list->type_name());
  for (size_t i = 0; i < list->size(); ++i) {
    LINSCAN_CHECK((*list)[i].is_string(),
                  kInput,
                  "result: {}[{}]: expected a string, got {}",
                  key,
                  i,
                  (*list)[i].type_name());
  }
}

void check_schema(const Json& document, std::string_view schema, std::string_view what) {
  LINSCAN_CHECK(document.is_object(),
                kInput,
                "result: expected a JSON object, {}, got {}",
                what,
                document.type_name());
  const Json& entry = require(document, "schema", "");
  const std::string found = entry.is_string()
                                ? clean_text(entry.get_ref<const std::string&>()).substr(0, 80)
                                : std::string(entry.type_name());
  LINSCAN_CHECK(found == schema,
                kInput,
                "result: schema: got \"{}\", expected \"{}\" ({})",
                found,
                schema,
                what);
}

}  // namespace linscan
