// Log lines on stderr: time, level, tool, text. stdout is for results only.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace linscan::log {

enum class Level { kError, kWarn, kInfo, kDebug };

// Call once at program start. `tool` stands in every line ("linscan-analyze").
void configure(std::string_view tool, Level level);
Level level();
void write(Level level, std::string_view text);

template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kWarn, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (level() >= Level::kInfo) {
    write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
  }
}

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (level() >= Level::kDebug) {
    write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
  }
}

}  // namespace linscan::log
