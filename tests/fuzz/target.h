// A fuzz target: a function of bytes that must end in success or in one readable linscan::Error,
// whatever the bytes are. The same functions run under libFuzzer and under the driver here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/error.h"

namespace linscan::fuzz {

struct Target {
  std::string_view name;
  int (*run)(const uint8_t* data, size_t size);
  // Small valid inputs.
  std::vector<std::string> (*seeds)();
  // Words that mean something to the reader.
  std::span<const std::string_view> words;
};

std::span<const Target> targets();

// What the last run ended in: "" for success, else the error message. Inputs with a new outcome
// are worth changing further.
std::string& last_outcome();

// Runs the reader. An Error is a fine end unless it blames ourselves or is no single short line;
// every other exception goes through.
template <typename Read>
int check_reader(Read read) {
  last_outcome().clear();
  try {
    read();
  } catch (const Error& error) {
    const std::string_view message = error.what();
    if (error.kind() == ErrorKind::kInternal) {
      throw std::logic_error("internal error: " + std::string(message));
    }
    if (message.empty() || message.size() > 4000 || message.find('\n') != std::string_view::npos) {
      throw std::logic_error("unreadable message: " + std::string(message.substr(0, 4000)));
    }
    last_outcome() = message;
  }
  return 0;
}

// For what must hold after a successful read.
inline void require(bool condition, std::string_view what) {
  if (!condition) {
    throw std::logic_error("broken promise: " + std::string(what));
  }
}

}  // namespace linscan::fuzz
