#include "text/json_number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

namespace linscan {
namespace {

constexpr int64_t kMaxPower = 308;

// 10^exponent, rounded to the nearest double.
double power_of_ten(int64_t exponent) {
  static const auto table = [] {
    std::array<double, kMaxPower + 1> powers{};
    for (size_t i = 0; i < powers.size(); ++i) {
      const std::string text = "1e" + std::to_string(i);
      std::from_chars(text.data(), text.data() + text.size(), powers[i]);
    }
    return powers;
  }();
  return table[static_cast<size_t>(exponent)];
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The digits of a number as far as 64 bits hold them.
struct Digits {
  uint64_t value = 0;
  bool full = false;  // a digit did not fit; all later ones are left out

  bool add(char digit) {
    const auto d = static_cast<uint64_t>(digit - '0');
    constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
    full = full || value > kMax / 10 || (value == kMax / 10 && d > kMax % 10);
    if (!full) value = value * 10 + d;
    return !full;
  }
};

// "+12", "-3"; far out of range becomes a value that is far out of range too.
int64_t read_exponent(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  constexpr int64_t kFar = 1'000'000'000;
  int64_t value = 0;
  for (const char c : text) value = std::min(value * 10 + (c - '0'), kFar);
  return negative ? -value : value;
}

}  // namespace

std::optional<double> read_json_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  Digits digits;
  int64_t exponent = 0;
  size_t at = 0;
  for (; at < text.size() && is_digit(text[at]); ++at) exponent += !digits.add(text[at]);
  if (at < text.size() && text[at] == '.') {
    for (++at; at < text.size() && is_digit(text[at]); ++at) exponent -= digits.add(text[at]);
  }
  if (at < text.size()) exponent += read_exponent(text.substr(at + 1));

  auto value = static_cast<double>(digits.value);
  while (value != 0.0 && exponent < -kMaxPower) {
    value /= power_of_ten(kMaxPower);
    exponent += kMaxPower;
  }
  if (value == 0.0) return negative ? -0.0 : 0.0;
  if (exponent > kMaxPower) return std::nullopt;
  value = exponent < 0 ? value / power_of_ten(-exponent) : value * power_of_ten(exponent);
  if (std::isinf(value)) return std::nullopt;
  return negative ? -value : value;
}

}  // namespace linscan
