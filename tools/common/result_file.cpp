#include "common/result_file.h"

#include "linscan/base/error.h"

namespace linscan::tools {

std::filesystem::path result_file(const std::string& argument) {
  const std::filesystem::path path = argument;
  std::error_code ignored;  // what cannot be looked at fails with its reason when it is read
  return std::filesystem::is_directory(path, ignored) ? path / "result.json" : path;
}

void naming(const std::filesystem::path& path, const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    fail(e.kind(), "{}: {}", path.string(), e.what());
  }
}

}  // namespace linscan::tools
