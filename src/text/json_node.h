// A value of a JSON file together with where it stands, so that every complaint names file and
// path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/json.h"

namespace linscan {

// A view: the Json must outlive it.
class JsonNode {
 public:
  JsonNode(const Json& value, std::string file, std::string path = "$");

  const Json& value() const { return *value_; }
  const std::string& path() const { return path_; }
  std::string where() const { return file_ + ": " + path_; }  // "tokenizer.json: $.model"

  bool is_null() const;
  // Member `key`; an error when this is no object or has no such member.
  JsonNode at(std::string_view key) const;
  // Member `key`, or nothing when it is absent or null.
  std::optional<JsonNode> find(std::string_view key) const;
  // The elements of an array.
  std::vector<JsonNode> elements() const;
  // The members of an object: keys and nodes.
  std::vector<std::pair<std::string, JsonNode>> members() const;

  std::string as_string() const;
  bool as_bool() const;
  int64_t as_integer() const;  // 0 .. 2^31 - 1

  std::string string_or(std::string_view key, std::string_view fallback) const;
  bool bool_or(std::string_view key, bool fallback) const;

 private:
  [[noreturn]] void wrong_type(std::string_view expected) const;

  const Json* value_;
  std::string file_;
  std::string path_;
};

}  // namespace linscan
