#include "linscan/base/system.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>

#include "linscan/base/error.h"

namespace linscan {
namespace {

// A "Name:   123 kB" line of a /proc file, in bytes; -1 when absent.
int64_t proc_kilobytes(const char* file, std::string_view name) {
  std::ifstream in(file);
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with(name) && line.size() > name.size() && line[name.size()] == ':') {
      return std::stoll(line.substr(name.size() + 1)) * 1024;
    }
  }
  return -1;
}

// A control-group file with one number, or -1 for "max" and for an absent file.
int64_t control_group_value(const char* file) {
  std::ifstream in(file);
  int64_t value = -1;
  return in >> value ? value : -1;
}

}  // namespace

int64_t parse_bytes(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  std::string unit;
  for (const char* p = rest; p != end; ++p) {
    if (*p != ' ') {
      unit += static_cast<char>(std::toupper(static_cast<unsigned char>(*p)));
    }
  }
  int shift = -1;
  if (unit.empty() || unit == "B") {
    shift = 0;
  } else if (unit == std::string(1, unit[0]) || unit.substr(1) == "B" || unit.substr(1) == "IB") {
    constexpr std::string_view kPrefixes = "KMGT";
    const size_t at = kPrefixes.find(unit[0]);
    shift = at == std::string_view::npos ? -1 : 10 * (static_cast<int>(at) + 1);
  }
  const double bytes = std::ldexp(number, std::max(shift, 0));
  if (error != std::errc() || shift < 0 || !(number >= 0) || bytes > 9e18) {
    fail(
        ErrorKind::kUsage, "\"{}\" is not a size; write for example 8GiB, 512MiB or 1048576", text);
  }
  return static_cast<int64_t>(bytes);
}

std::string format_bytes(int64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.2f} {}", value, kUnits[unit]);
}

int64_t peak_memory_bytes() {
  return proc_kilobytes("/proc/self/status", "VmHWM");
}

int64_t resident_memory_bytes() {
  return proc_kilobytes("/proc/self/status", "VmRSS");
}

int64_t available_memory_bytes() {
  int64_t available = proc_kilobytes("/proc/meminfo", "MemAvailable");
  if (available < 0) {
    available = std::numeric_limits<int64_t>::max();
  }
  const int64_t limit = control_group_value("/sys/fs/cgroup/memory.max");
  const int64_t used = control_group_value("/sys/fs/cgroup/memory.current");
  if (limit >= 0 && used >= 0) {
    available = std::min(available, std::max<int64_t>(limit - used, 0));
  }
  return available;
}

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
}

void release_freed_memory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

std::filesystem::path executable_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

std::filesystem::path data_file(std::string_view name) {
  return executable_folder().parent_path() / "share" / "linscan" / name;
}

int64_t memory_limit_or_default(int64_t limit) {
  return limit > 0 ? limit : available_memory_bytes() / 5 * 4;
}

std::string now_utc() {
  return fmt::format(
      "{:%Y-%m-%dT%H:%M:%SZ}",
      fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
}

}  // namespace linscan
