// How numbers are written. A number that does not exist is shown as an en dash; the minus sign is
// U+2212.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace linscan {

using Number = std::optional<double>;

inline constexpr std::string_view kMissingMark = "–";

// 0.51234 -> "0.512". Above a million in magnitude: "1.23e8".
std::string fixed(Number value, int decimals);
// "0.00123", "12.3", "1.23e8": `digits` significant ones.
std::string significant(Number value, int digits);
// 0.0734 -> "7.3 %". Small shares keep two significant digits, a share of almost all shows how much
// is missing.
std::string percent(Number share);
// 1234567 -> "1,234,567".
std::string grouped(int64_t value);
// 656000 -> "656 k", 6738415616 -> "6.74 B".
std::string short_count(double value);
// The shortest text that reads back as the same double, ASCII only: for CSV and data.
std::string exact(double value);

// A metric of a block, at the precision that its path calls for: stream scores are told apart only
// in the fourth or fifth decimal, norms have any magnitude, counts are whole.
std::string metric_text(std::string_view path, Number value);

}  // namespace linscan
