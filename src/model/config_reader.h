// Typed, checked access to config.json: every value is tested before use, every message names the
// file and the key.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/json.h"

namespace linscan {

class ConfigReader {
 public:
  ConfigReader(const Json& config, std::string_view where);

  // The reader of a nested object; `key` must be present and an object.
  ConfigReader object(std::string_view key) const;

  // The readers of an array of objects, which must be present.
  std::vector<ConfigReader> objects(std::string_view key) const;

  // Present and not null.
  bool has(std::string_view key) const;

  // The first of `keys` that is present. Sizes are positive and at most 2^24, so that products of a
  // few cannot overflow.
  int64_t size(std::initializer_list<std::string_view> keys) const;
  int64_t size_or(std::initializer_list<std::string_view> keys, int64_t otherwise) const;
  // An integer from `least` to 2^24.
  int64_t integer_or(std::string_view key, int64_t otherwise, int64_t least = 0) const;
  double number(std::string_view key) const;
  double number_or(std::string_view key, double otherwise) const;  // finite
  double positive_or(std::string_view key, double otherwise) const;
  bool flag_or(std::string_view key, bool otherwise) const;
  std::string text_or(std::string_view key, std::string_view otherwise) const;
  // Arrays; absent and null are empty ones.
  std::vector<double> numbers(std::string_view key) const;  // finite
  std::vector<std::string> texts(std::string_view key) const;

  // Refuses the model when `key` is present with any value other than null, false or `harmless`.
  void refuse_unless(std::string_view key, const Json& harmless, std::string_view why) const;

  const Json& json() const { return json_; }
  const std::string& where() const { return where_; }
  std::string path(std::string_view key) const;  // "config.json: rope_scaling.factor"

 private:
  const Json* find(std::initializer_list<std::string_view> keys, std::string_view* found) const;

  const Json& json_;
  std::string where_;
  std::string prefix_;
};

}  // namespace linscan
