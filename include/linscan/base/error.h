// Errors: the one exception type of the project and the check macros that throw it.
// A message says what was wrong, where (file, tensor, block), what was got and expected, and what
// to do next.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace linscan {

// What went wrong, from the point of view of the person who ran the command.
enum class ErrorKind {
  kUsage,        // wrong flags or configuration: exit 2
  kInput,        // a file or value that cannot be used: exit 1
  kUnsupported,  // a valid input that this program does not handle: exit 1
  kNumeric,      // the numbers do not allow an answer: exit 1
  kGate,         // a check the user asked for did not pass: exit 1
  kInternal,     // a bug of ours: exit 3
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

// Thrown from safe points after SIGINT or SIGTERM; becomes exit code 130.
class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted") {}
};

// Control characters in `message` become '?', and what makes it longer than 3500 bytes is left out.
[[noreturn]] void throw_error(ErrorKind kind, std::string message);

template <typename... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw_error(kind, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
[[noreturn]] void fail_input(fmt::format_string<Args...> format, Args&&... args) {
  throw_error(ErrorKind::kInput, fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
[[noreturn]] void fail_unsupported(fmt::format_string<Args...> format, Args&&... args) {
  throw_error(ErrorKind::kUnsupported, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace linscan

// Throws linscan::Error of `kind` unless `condition` holds; the message is built only then.
#define LINSCAN_CHECK(condition, kind, ...)                     \
  do {                                                          \
    if (!(condition)) [[unlikely]]                              \
      ::linscan::fail(::linscan::ErrorKind::kind, __VA_ARGS__); \
  } while (false)
