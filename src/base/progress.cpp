#include "linscan/base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace linscan {
namespace {

// The terminal state of this process: one stderr, so one pair of flags.
struct TerminalState {
  bool enabled = true;
  bool bar_on_screen = false;
  const bool is_terminal = isatty(STDERR_FILENO) == 1;
};

TerminalState& terminal() {
  static TerminalState state;
  return state;
}

constexpr auto kMinInterval = std::chrono::milliseconds(200);
constexpr int kBarWidth = 24;

}  // namespace

std::string format_duration(double seconds) {
  if (seconds < 59.95) {  // 59.97 would print as 60.0s
    return fmt::format("{:.1f}s", seconds);
  }
  const auto whole = static_cast<int64_t>(std::lround(seconds));
  if (whole < 3600) {
    return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  }
  return fmt::format("{}h{:02}m", whole / 3600, whole % 3600 / 60);
}

Progress::Progress(std::string label, std::string unit, int64_t total)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(std::max<int64_t>(total, 1)),
      start_(std::chrono::steady_clock::now()),
      last_print_(start_ - kMinInterval) {
  update(0);
}

Progress::~Progress() {
  clear_line();
}

void Progress::set_enabled(bool enabled) {
  terminal().enabled = enabled;
}

void Progress::clear_line() {
  if (terminal().bar_on_screen) {
    std::fputs("\r\033[K", stderr);
    terminal().bar_on_screen = false;
  }
}

void Progress::update(int64_t done, std::string_view note) {
  if (!terminal().enabled || finished_) {
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (terminal().is_terminal) {
    if (now - last_print_ >= kMinInterval || done >= total_) {
      last_print_ = now;
      print(done, note, false);
    }
    return;
  }
  const int64_t decile = done * 10 / total_;
  if (decile > last_decile_) {
    last_decile_ = decile;
    print(done, note, false);
  }
}

void Progress::finish() {
  if (finished_) {
    return;
  }
  clear_line();
  if (terminal().enabled && terminal().is_terminal) {
    print(total_, {}, true);
  }
  finished_ = true;
}

void Progress::print(int64_t done, std::string_view note, bool last) {
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const double fraction = std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
  std::string tail;
  if (last) {
    tail = format_duration(seconds);
  } else if (done > 0 && seconds > 0) {
    const double rate = static_cast<double>(done) / seconds;
    tail = fmt::format("{:.1f} {}/s, {} left",
                       rate,
                       unit_,
                       format_duration(static_cast<double>(total_ - done) / rate));
  }
  if (!note.empty()) {
    tail += fmt::format("; {}", note);
  }
  if (!terminal().is_terminal) {
    fmt::print(stderr, "{}: {}/{} {}, {}\n", label_, done, total_, unit_, tail);
    return;
  }
  const int filled = static_cast<int>(fraction * kBarWidth);
  fmt::print(stderr,
             "\r\033[K{} [{}{}] {}/{} {} {}",
             label_,
             std::string(static_cast<size_t>(filled), '#'),
             std::string(static_cast<size_t>(kBarWidth - filled), '-'),
             done,
             total_,
             unit_,
             tail);
  terminal().bar_on_screen = !last;
  if (last) {
    std::fputc('\n', stderr);
  }
  std::fflush(stderr);
}

}  // namespace linscan
