#include "report/numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace linscan {
namespace {

constexpr std::string_view kMinus = "−";

// A formatted ASCII number for people: true minus sign, no negative zero, a short exponent.
std::string typographic(std::string text) {
  if (text.starts_with("-") && text.find_first_of("123456789") == std::string::npos) {
    text.erase(0, 1);
  }
  if (const size_t e = text.find('e'); e != std::string::npos) {
    std::string exponent = text.substr(e + 1);
    const bool negative = exponent.front() == '-';
    exponent.erase(0, std::min(exponent.find_first_not_of("+-0"), exponent.size() - 1));
    text = text.substr(0, e + 1) + (negative ? std::string(kMinus) : "") + exponent;
  }
  if (text.starts_with("-")) {
    text.replace(0, 1, kMinus);
  }
  return text;
}

bool has_segment(std::string_view path, std::string_view segment) {
  const size_t at = path.find(segment);
  return at != std::string_view::npos && (at == 0 || path[at - 1] == '.') &&
         (at + segment.size() == path.size() || path[at + segment.size()] == '.');
}

}  // namespace

std::string fixed(Number value, int decimals) {
  if (!value) {
    return std::string(kMissingMark);
  }
  if (std::abs(*value) >= 1e6) {
    return typographic(fmt::format("{:.2e}", *value));
  }
  return typographic(fmt::format("{:.{}f}", *value, decimals));
}

std::string significant(Number value, int digits) {
  if (!value) {
    return std::string(kMissingMark);
  }
  const double magnitude = std::abs(*value);
  if (magnitude == 0) {
    return "0";
  }
  if (magnitude >= 1e6 || magnitude < 1e-5) {
    return typographic(fmt::format("{:.{}e}", *value, digits - 1));
  }
  const int exponent = static_cast<int>(std::floor(std::log10(magnitude)));
  return typographic(fmt::format("{:.{}f}", *value, std::max(0, digits - 1 - exponent)));
}

std::string percent(Number share) {
  if (!share) {
    return std::string(kMissingMark);
  }
  const double rest = 1.0 - *share;
  if (rest > 0 && rest < 0.01) {
    const int exponent = static_cast<int>(std::floor(std::log10(rest * 100)));
    return fixed(*share * 100, std::clamp(1 - exponent, 1, 4)) + " %";
  }
  if (std::abs(*share) >= 0.1) {
    return fixed(*share * 100, 0) + " %";
  }
  return significant(*share * 100, 2) + " %";
}

std::string grouped(int64_t value) {
  std::string digits = std::to_string(value);
  const size_t first = value < 0 ? 1 : 0;
  for (size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string short_count(double value) {
  constexpr std::pair<double, const char*> kUnits[] = {
      {1e12, " T"}, {1e9, " B"}, {1e6, " M"}, {1e3, " k"}};
  for (const auto& [unit, name] : kUnits) {
    if (value >= unit) {
      return significant(value / unit, 3) + name;
    }
  }
  return fixed(value, 0);
}

std::string exact(double value) {
  return fmt::format("{}", value);
}

std::string metric_text(std::string_view path, Number value) {
  if (path.ends_with("count")) {
    return value ? grouped(std::llround(std::clamp(*value, -1e15, 1e15))) : fixed(value, 0);
  }
  if (has_segment(path, "stream") || has_segment(path, "baselines")) {
    return fixed(value, 5);
  }
  if (has_segment(path, "norm") || has_segment(path, "intrinsic_dimension") ||
      has_segment(path, "effective_rank") || has_segment(path, "block_influence") ||
      path.ends_with("ratio") || path.ends_with("norm_out") || has_segment(path, "damage")) {
    return significant(value, 4);
  }
  return fixed(value, 4);
}

}  // namespace linscan
