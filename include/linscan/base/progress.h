// A progress line on stderr: a bar that rewrites itself on a terminal, a plain line every ten
// percent elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace linscan {

class Progress {
 public:
  // `label` names the work, `unit` what is counted ("blocks", "tokens"); `total` > 0 items are
  // expected.
  Progress(std::string label, std::string unit, int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` items of the total are finished; `note` follows the rate. Cheap to call often: prints at
  // most five times a second.
  void update(int64_t done, std::string_view note = {});
  void finish();

  // Progress is shown unless switched off (--quiet). Set once at program start.
  static void set_enabled(bool enabled);
  // Removes a half-drawn bar so that another line can be written to stderr.
  static void clear_line();

 private:
  void print(int64_t done, std::string_view note, bool last);

  std::string label_;
  std::string unit_;
  int64_t total_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_print_;
  int64_t last_decile_ = 0;
  bool finished_ = false;
};

// "4.2s", "3m05s", "2h10m": a duration for people.
std::string format_duration(double seconds);

}  // namespace linscan
