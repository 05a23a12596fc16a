// Seeded changes of inputs: of bits, pieces, numbers, words of the format, and whole JSON values.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/random.h"

namespace linscan::fuzz {

class Mutator {
 public:
  Mutator(uint64_t seed, std::span<const std::string_view> words) : random_(seed), words_(words) {}

  // `text` with one to four changes; pieces may come from `other`.
  std::string change(std::string text, std::string_view other);
  size_t below(size_t limit) { return static_cast<size_t>(random_.below(limit)); }

 private:
  void change_once(std::string& text, std::string_view other);
  void replace_number(std::string& text, size_t at);
  void overwrite_binary(std::string& text, size_t at);
  void exchange_values(std::string& text, std::string_view other);
  // The JSON value that starts at or after a random place; empty when there is none.
  std::string_view pick_value(std::string_view text);

  Random random_;
  std::span<const std::string_view> words_;
};

}  // namespace linscan::fuzz
