#include "text/json_node.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "linscan/base/error.h"

namespace linscan {

JsonNode::JsonNode(const Json& value, std::string file, std::string path)
    : value_(&value), file_(std::move(file)), path_(std::move(path)) {}

bool JsonNode::is_null() const {
  return value_->is_null();
}

void JsonNode::wrong_type(std::string_view expected) const {
  fail_input("{}: expected {}, got {}", where(), expected, value_->type_name());
}

std::optional<JsonNode> JsonNode::find(std::string_view key) const {
  if (!value_->is_object()) wrong_type("an object");
  const auto found = value_->find(std::string(key));
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return JsonNode(*found, file_, fmt::format("{}.{}", path_, key));
}

JsonNode JsonNode::at(std::string_view key) const {
  auto found = find(key);
  LINSCAN_CHECK(found, kInput, "{}: \"{}\" is missing", where(), key);
  return *found;
}

std::vector<JsonNode> JsonNode::elements() const {
  if (!value_->is_array()) wrong_type("an array");
  std::vector<JsonNode> nodes;
  for (size_t i = 0; i < value_->size(); ++i) {
    nodes.emplace_back((*value_)[i], file_, fmt::format("{}[{}]", path_, i));
  }
  return nodes;
}

std::vector<std::pair<std::string, JsonNode>> JsonNode::members() const {
  if (!value_->is_object()) wrong_type("an object");
  std::vector<std::pair<std::string, JsonNode>> nodes;
  for (const auto& [key, member] : value_->items()) {
    nodes.emplace_back(key, JsonNode(member, file_, fmt::format("{}.{}", path_, key)));
  }
  return nodes;
}

std::string JsonNode::as_string() const {
  if (!value_->is_string()) wrong_type("a string");
  return value_->get<std::string>();
}

bool JsonNode::as_bool() const {
  if (!value_->is_boolean()) wrong_type("true or false");
  return value_->get<bool>();
}

int64_t JsonNode::as_integer() const {
  const bool fits = value_->is_number_unsigned() &&
                    value_->get<uint64_t>() <= uint64_t{std::numeric_limits<int32_t>::max()};
  if (!fits) {
    fail_input("{}: expected a whole number from 0 to 2147483647, got {}",
               where(),
               value_->is_number() ? value_->dump() : value_->type_name());
  }
  return value_->get<int64_t>();
}

std::string JsonNode::string_or(std::string_view key, std::string_view fallback) const {
  const auto found = find(key);
  return found ? found->as_string() : std::string(fallback);
}

bool JsonNode::bool_or(std::string_view key, bool fallback) const {
  const auto found = find(key);
  return found ? found->as_bool() : fallback;
}

}  // namespace linscan
