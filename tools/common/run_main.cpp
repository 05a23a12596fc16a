#include "common/run_main.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/base/log.h"
#include "linscan/base/progress.h"
#include "linscan/base/system.h"
#include "linscan/base/version.h"

namespace linscan::tools {
namespace {

constexpr int kExitInput = 1;
constexpr int kExitUsage = 2;
constexpr int kExitInternal = 3;
constexpr int kExitInterrupted = 130;

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUsage:
      return kExitUsage;
    case ErrorKind::kInternal:
      return kExitInternal;
    case ErrorKind::kInput:
    case ErrorKind::kUnsupported:
    case ErrorKind::kNumeric:
    case ErrorKind::kGate:
      return kExitInput;
  }
  return kExitInternal;
}

// libtorch puts a stack trace behind its message: the first line is for people, the rest for -vv.
std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

// Messages quote file names and file contents: control characters and bytes that are not UTF-8
// would garble terminals and logs, so they become '?'.
std::string printable(std::string text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const size_t length = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    bool good = byte >= 0x20 && byte != 0x7f && !(byte >= 0x80 && byte < 0xc2) && byte < 0xf5 &&
                i + length <= text.size();
    for (size_t k = 1; good && k < length; ++k) {
      good = (static_cast<unsigned char>(text[i + k]) & 0xc0) == 0x80;
    }
    if (!good) {
      text[i] = '?';
    }
    i += good ? length : 1;
  }
  return text;
}

// "memory-limit" -> "LINSCAN_MEMORY_LIMIT".
std::string environment_name(const std::string& option) {
  std::string name = "LINSCAN_" + option;
  for (char& c : name) {
    c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

void print_error(const std::string& tool, const std::string& message) {
  Progress::clear_line();
  std::fprintf(stderr, "%s: error: %s\n", tool.c_str(), printable(message).c_str());
}

}  // namespace

ToolApp::ToolApp(std::string name, std::string description, std::string example)
    : name_(std::move(name)), app_(std::move(description), name_) {
  app_.option_defaults()->always_capture_default();
  app_.allow_config_extras(CLI::config_extras_mode::error);
  app_.footer(
      "Every option can also be set by the environment (LINSCAN_MEMORY_LIMIT for --memory-limit) "
      "or by --config;\n"
      "flags win over the environment, the environment over the file.\n\nExample:\n  " +
      example);
  app_.get_formatter()->column_width(38);
}

// Last, so that they stand last in --help.
void ToolApp::add_general_options() {
  app_.set_help_flag("-h,--help", "Print this help and exit")->group("General");
  app_.set_version_flag("--version", fmt::format("{} {} ({})", name_, version(), commit()))
      ->group("General");
  app_.set_config("--config", "", "Read options from a TOML file; flags on the command line win")
      ->group("General");
  app_.add_flag("-q,--quiet", general_.quiet, "No progress, no log lines below warnings")
      ->group("General");
  app_.add_flag("-v,--verbose", general_.verbose, "More log lines; twice: details of errors too")
      ->group("General");
}

std::vector<std::string> ToolApp::arguments(int argc, char** argv) const {
  std::vector<std::string> given(argv + 1, argv + argc);
  std::vector<std::string> all = given;
  for (const CLI::Option* option : app_.get_options()) {
    if (option->get_group() == "General" || option->get_lnames().empty()) {
      continue;
    }
    const std::string flag = "--" + option->get_lnames().front();
    const bool on_command_line =
        std::any_of(given.begin(), given.end(), [&](const std::string& word) {
          return word == flag || word.starts_with(flag + "=") ||
                 (!option->get_snames().empty() &&
                  word.starts_with("-" + option->get_snames().front()));
        });
    const char* value = std::getenv(environment_name(option->get_lnames().front()).c_str());
    if (value != nullptr && !on_command_line && !option->get_positional()) {
      all.push_back(flag + "=" + value);
    }
  }
  std::reverse(all.begin(), all.end());  // the order that CLI11 takes
  return all;
}

int ToolApp::run(int argc, char** argv, const std::function<void()>& body) {
  add_general_options();
  try {
    app_.parse(arguments(argc, argv));
  } catch (const CLI::Success& e) {
    return app_.exit(e, std::cout, std::cerr);
  } catch (const CLI::ParseError& e) {
    print_error(name_, first_line(e.what()) + " (see --help)");
    return kExitUsage;
  }
  const auto level = general_.quiet         ? log::Level::kWarn
                     : general_.verbose > 0 ? log::Level::kDebug
                                            : log::Level::kInfo;
  log::configure(name_, level);
  Progress::set_enabled(!general_.quiet);
  install_interrupt_handlers();
  keep_freed_memory();
  try {
    body();
    std::cout.flush();
    if (!std::cout) {
      print_error(name_, "standard output cannot be written");
      return kExitInput;
    }
    return 0;
  } catch (const Interrupted&) {
    print_error(name_, "interrupted; nothing half-written was left behind");
    return kExitInterrupted;
  } catch (const Error& e) {
    print_error(name_, e.what());
    return exit_code(e.kind());
  } catch (const std::bad_alloc&) {
    print_error(name_, "out of memory; lower --memory-limit or --tokens");
    return kExitInput;
  } catch (const std::exception& e) {
    print_error(
        name_, fmt::format("internal: {}", general_.verbose > 1 ? e.what() : first_line(e.what())));
    return kExitInternal;
  }
}

}  // namespace linscan::tools
