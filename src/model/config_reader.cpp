#include "model/config_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

#include "linscan/base/error.h"

namespace linscan {
namespace {

constexpr int64_t kMaxSize = 16'777'216;

std::string short_dump(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() > 60 ? text.substr(0, 57) + "..." : text;
}

}  // namespace

ConfigReader::ConfigReader(const Json& config, std::string_view where)
    : json_(config), where_(where) {
  LINSCAN_CHECK(config.is_object(), kInput, "{}: expected a JSON object", where);
}

ConfigReader ConfigReader::object(std::string_view key) const {
  const auto found = json_.find(key);
  if (found == json_.end() || !found->is_object()) {
    fail_input("{}: expected an object", path(key));
  }
  ConfigReader nested(*found, where_);
  nested.prefix_ = prefix_ + std::string(key) + ".";
  return nested;
}

std::vector<ConfigReader> ConfigReader::objects(std::string_view key) const {
  const auto found = json_.find(key);
  if (found == json_.end() || !found->is_array()) {
    fail_input("{}: expected an array of objects", path(key));
  }
  std::vector<ConfigReader> nested;
  for (const Json& element : *found) {
    const std::string place = fmt::format("{}[{}]", key, nested.size());
    if (!element.is_object()) {
      fail_input("{}: expected an object, got {}", path(place), short_dump(element));
    }
    nested.push_back(ConfigReader(element, where_));
    nested.back().prefix_ = prefix_ + place + ".";
  }
  return nested;
}

std::string ConfigReader::path(std::string_view key) const {
  return where_ + ": " + prefix_ + std::string(key);
}

bool ConfigReader::has(std::string_view key) const {
  const auto found = json_.find(key);
  return found != json_.end() && !found->is_null();
}

const Json* ConfigReader::find(std::initializer_list<std::string_view> keys,
                               std::string_view* found) const {
  for (const std::string_view key : keys) {
    if (has(key)) {
      *found = key;
      return &*json_.find(key);
    }
  }
  return nullptr;
}

int64_t ConfigReader::size(std::initializer_list<std::string_view> keys) const {
  const int64_t value = size_or(keys, 0);
  LINSCAN_CHECK(value > 0, kInput, "{}: missing", path(*keys.begin()));
  return value;
}

int64_t ConfigReader::size_or(std::initializer_list<std::string_view> keys,
                              int64_t otherwise) const {
  std::string_view key;
  const Json* value = find(keys, &key);
  if (value == nullptr) {
    return otherwise;
  }
  if (!value->is_number_integer() || *value <= 0 || *value > kMaxSize) {
    fail_input(
        "{}: expected an integer from 1 to {}, got {}", path(key), kMaxSize, short_dump(*value));
  }
  return value->get<int64_t>();
}

int64_t ConfigReader::integer_or(std::string_view key, int64_t otherwise, int64_t least) const {
  if (!has(key)) {
    return otherwise;
  }
  const Json& value = *json_.find(key);
  if (!value.is_number_integer() || value < least || value > kMaxSize) {
    fail_input("{}: expected an integer from {} to {}, got {}",
               path(key),
               least,
               kMaxSize,
               short_dump(value));
  }
  return value.get<int64_t>();
}

double ConfigReader::number(std::string_view key) const {
  LINSCAN_CHECK(has(key), kInput, "{}: missing", path(key));
  return number_or(key, 0);
}

double ConfigReader::number_or(std::string_view key, double otherwise) const {
  if (!has(key)) {
    return otherwise;
  }
  const Json& value = *json_.find(key);
  if (!value.is_number() || !std::isfinite(value.get<double>())) {
    fail_input("{}: expected a finite number, got {}", path(key), short_dump(value));
  }
  return value.get<double>();
}

double ConfigReader::positive_or(std::string_view key, double otherwise) const {
  const double value = number_or(key, otherwise);
  LINSCAN_CHECK(value > 0, kInput, "{}: expected a positive number, got {}", path(key), value);
  return value;
}

bool ConfigReader::flag_or(std::string_view key, bool otherwise) const {
  if (!has(key)) {
    return otherwise;
  }
  const Json& value = *json_.find(key);
  if (!value.is_boolean()) {
    fail_input("{}: expected true or false, got {}", path(key), short_dump(value));
  }
  return value.get<bool>();
}

std::string ConfigReader::text_or(std::string_view key, std::string_view otherwise) const {
  if (!has(key)) {
    return std::string(otherwise);
  }
  const Json& value = *json_.find(key);
  if (!value.is_string()) {
    fail_input("{}: expected a string, got {}", path(key), short_dump(value));
  }
  return value.get<std::string>();
}

std::vector<double> ConfigReader::numbers(std::string_view key) const {
  std::vector<double> numbers;
  if (!has(key)) {
    return numbers;
  }
  const Json& value = *json_.find(key);
  const auto finite = [](const Json& element) {
    return element.is_number() && std::isfinite(element.get<double>());
  };
  if (!value.is_array() || !std::ranges::all_of(value, finite)) {
    fail_input("{}: expected an array of finite numbers, got {}", path(key), short_dump(value));
  }
  std::ranges::transform(value, std::back_inserter(numbers), [](const Json& element) {
    return element.get<double>();
  });
  return numbers;
}

std::vector<std::string> ConfigReader::texts(std::string_view key) const {
  if (!has(key)) {
    return {};
  }
  const Json& value = *json_.find(key);
  if (!value.is_array() ||
      !std::ranges::all_of(value, [](const Json& element) { return element.is_string(); })) {
    fail_input("{}: expected an array of strings, got {}", path(key), short_dump(value));
  }
  return value.get<std::vector<std::string>>();
}

void ConfigReader::refuse_unless(std::string_view key,
                                 const Json& harmless,
                                 std::string_view why) const {
  if (!has(key)) {
    return;
  }
  const Json& value = *json_.find(key);
  if (value == Json(false) || value == harmless) {
    return;
  }
  fail_unsupported("{} = {}: {}", path(key), short_dump(value), why);
}

}  // namespace linscan
