#include "linscan/base/json.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "linscan/base/error.h"

namespace linscan {
namespace {

constexpr int kMaxDepth = 64;
constexpr size_t kMaxMessage = 200;

// Watches the parse events: nlohmann keeps the last of two equal keys silently, and recurses
// without a limit of ours.
class StrictParse {
 public:
  explicit StrictParse(std::string_view what) : what_(what) {}

  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (depth > kMaxDepth) {
      fail_input("{}: JSON is nested deeper than {} levels", what_, kMaxDepth);
    }
    if (event == Event::object_start) {
      open_.emplace_back();
    } else if (event == Event::object_end) {
      open_.pop_back();
    } else if (event == Event::key && !open_.empty()) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!open_.back().insert(key).second) {
        fail_input("{}: key \"{}\" appears twice in one JSON object", what_, key);
      }
    }
    return true;
  }

 private:
  std::string_view what_;
  std::vector<std::set<std::string>> open_;
};

}  // namespace

Json parse_json(std::string_view text, std::string_view what) {
  try {
    StrictParse strict(what);
    return Json::parse(text, std::ref(strict));
  } catch (const Json::exception& e) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ..., last read: '<up to
    // the whole file>'"
    std::string_view message = e.what();
    if (const size_t bracket = message.find("] "); bracket != std::string_view::npos) {
      message.remove_prefix(bracket + 2);
    }
    const bool too_long = message.size() > kMaxMessage;
    fail_input(
        "{}: not valid JSON: {}{}", what, message.substr(0, kMaxMessage), too_long ? "..." : "");
  }
}

std::string read_file(const std::filesystem::path& path, int64_t max_bytes) {
  std::error_code ec;
  const auto status = std::filesystem::status(path, ec);
  if (ec || !std::filesystem::exists(status)) {
    fail_input("{}: no such file", path.string());
  }
  if (std::filesystem::is_directory(status)) {
    fail_input("{}: is a directory, expected a file", path.string());
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    fail_input("{}: cannot be opened: {}", path.string(), std::strerror(errno));
  }
  std::string text;
  char buffer[1 << 16];
  while (in.read(buffer, sizeof buffer) || in.gcount() > 0) {
    text.append(buffer, static_cast<size_t>(in.gcount()));
    if (static_cast<int64_t>(text.size()) > max_bytes) {
      fail_input(
          "{}: larger than {} bytes, which no file of this kind is", path.string(), max_bytes);
    }
  }
  if (in.bad()) {
    fail_input("{}: reading failed: {}", path.string(), std::strerror(errno));
  }
  return text;
}

Json read_json_file(const std::filesystem::path& path, int64_t max_bytes) {
  return parse_json(read_file(path, max_bytes), path.string());
}

Json number_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json number_or_null(std::optional<double> value) {
  return value ? number_or_null(*value) : Json(nullptr);
}

}  // namespace linscan
