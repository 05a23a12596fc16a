// The only file that knows spdlog: its headers clash with the fmt copy inside the torch wheel.
#include "linscan/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>

#include "linscan/base/progress.h"

namespace linscan::log {
namespace {

struct State {
  std::shared_ptr<spdlog::logger> logger = std::make_shared<spdlog::logger>(
      "linscan", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  Level level = Level::kInfo;
  State() {
    logger->set_level(spdlog::level::debug);
    logger->set_pattern("%H:%M:%S %l %n: %v");
  }
};

State& state() {
  static State instance;
  return instance;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kError:
      return spdlog::level::err;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kDebug:
      return spdlog::level::debug;
  }
  return spdlog::level::info;
}

}  // namespace

void configure(std::string_view tool, Level level) {
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  state().logger = std::make_shared<spdlog::logger>(std::string(tool), sink);
  state().logger->set_level(spdlog::level::debug);
  state().logger->set_pattern("%H:%M:%S %l %n: %v");
  state().level = level;
}

Level level() {
  return state().level;
}

void write(Level level, std::string_view text) {
  if (level > state().level) {
    return;
  }
  Progress::clear_line();
  state().logger->log(to_spdlog(level), spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace linscan::log
