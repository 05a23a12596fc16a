#include "report/scale.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace linscan {
namespace {

// The smallest 1, 2 or 5 times a power of ten that is at least `value` > 0.
double round_step(double value) {
  const double power = std::pow(10.0, std::floor(std::log10(value)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= value * (1 - 1e-9)) {
      return factor * power;
    }
  }
  return 10 * power;
}

// The largest 1, 2 or 5 times a power of ten that is at most `value` > 0.
double round_down(double value) {
  const double power = std::pow(10.0, std::floor(std::log10(value)));
  for (const double factor : {5.0, 2.0}) {
    if (factor * power <= value * (1 + 1e-9)) {
      return factor * power;
    }
  }
  return power;
}

// A double that prints as it should: steps are added up as integers times the step.
double multiple(double index, double step) {
  const double value = index * step;
  return std::abs(value) < step * 1e-6 ? 0.0 : value;
}

}  // namespace

Scale::Scale(Range range, bool logarithmic, double pixel_low, double pixel_high)
    : range_(range), logarithmic_(logarithmic), pixel_low_(pixel_low), pixel_high_(pixel_high) {}

double Scale::operator()(double value) const {
  const double inside = std::clamp(value, range_.low, range_.high);
  const double share = logarithmic_
                           ? std::log(inside / range_.low) / std::log(range_.high / range_.low)
                           : (inside - range_.low) / (range_.high - range_.low);
  return pixel_low_ + share * (pixel_high_ - pixel_low_);
}

Range round_range(Range values, int max_ticks) {
  double span = values.high - values.low;
  const double magnitude = std::max(std::abs(values.low), std::abs(values.high));
  if (span <= magnitude * 1e-9) {
    const double room = magnitude > 0 ? magnitude * 0.1 : 1.0;
    values = {values.low - room, values.high + room};
    span = values.high - values.low;
  }
  double step = round_step(span / std::max(1, max_ticks - 1));
  for (int attempt = 0; attempt < 3; ++attempt) {
    const double first = std::floor(values.low / step + 1e-9);
    const double last = std::ceil(values.high / step - 1e-9);
    if (last - first <= max_ticks - 1) {
      return {multiple(first, step), multiple(last, step)};
    }
    step = round_step(step * 1.5);
  }
  return {multiple(std::floor(values.low / step), step),
          multiple(std::ceil(values.high / step), step)};
}

Range round_log_range(Range values) {
  const double low = round_down(values.low);
  double high = round_step(values.high);
  if (high < low * 2) {
    high = round_step(low * 2);
  }
  return {low, high};
}

std::vector<double> linear_ticks(Range range, int max_ticks) {
  double step = round_step((range.high - range.low) / std::max(1, max_ticks));
  std::vector<double> ticks;
  for (int attempt = 0; attempt < 3; ++attempt) {
    ticks.clear();
    const double first = std::ceil(range.low / step - 1e-9);
    const double last = std::floor(range.high / step + 1e-9);
    for (double i = first; i <= last; i += 1) {
      ticks.push_back(multiple(i, step));
    }
    if (static_cast<int>(ticks.size()) <= max_ticks) {
      break;
    }
    step = round_step(step * 1.5);
  }
  return ticks;
}

std::vector<double> log_ticks(Range range, int max_ticks) {
  const int first = static_cast<int>(std::floor(std::log10(range.low) + 1e-9));
  const int last = static_cast<int>(std::floor(std::log10(range.high) + 1e-9));
  std::vector<double> decades, subdivided;
  for (int decade = first; decade <= last; ++decade) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double value = factor * std::pow(10.0, decade);
      if (value < range.low * (1 - 1e-9) || value > range.high * (1 + 1e-9)) {
        continue;
      }
      subdivided.push_back(value);
      if (factor == 1.0) {
        decades.push_back(value);
      }
    }
  }
  const auto limit = static_cast<size_t>(std::max(1, max_ticks));
  if (subdivided.size() <= limit) {
    return subdivided;
  }
  const size_t stride = (decades.size() + limit - 1) / limit;
  std::vector<double> ticks;
  for (size_t i = 0; i < decades.size(); i += stride) {
    ticks.push_back(decades[i]);
  }
  return ticks;
}

std::vector<int64_t> index_ticks(int64_t count, int max_ticks) {
  std::vector<int64_t> ticks;
  if (count <= 0) {
    return ticks;
  }
  int64_t step = 1;
  for (int64_t power = 1; count / step >= max_ticks; power *= 10) {
    for (const int64_t factor : {1, 2, 4, 5}) {
      step = factor * power;
      if (count / step < max_ticks) {
        break;
      }
    }
  }
  for (int64_t i = 0; i < count; i += step) {
    ticks.push_back(i);
  }
  const int64_t last = count - 1;
  if (ticks.back() != last) {
    if (ticks.size() > 1 && 10 * (last - ticks.back()) < 6 * step) {
      ticks.pop_back();
    }
    ticks.push_back(last);
  }
  return ticks;
}

std::string tick_label(double value) {
  const double magnitude = std::abs(value);
  std::string text = magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e6)
                         ? fmt::format("{:.0e}", value)
                         : fmt::format("{:.6g}", value);
  if (const size_t e = text.find('e'); e != std::string::npos) {
    std::string exponent = text.substr(e + 1);
    const bool negative = exponent.front() == '-';
    exponent.erase(0, exponent.find_first_not_of("+-0"));
    text = text.substr(0, e + 1) + (negative ? "−" : "") + exponent;
  }
  if (text.starts_with("-")) {
    text.replace(0, 1, "−");
  }
  return text;
}

}  // namespace linscan
