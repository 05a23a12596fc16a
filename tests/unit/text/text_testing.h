// Helpers of the text tests: temporary folders, tiny tokenizer.json files, errors by their text.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "linscan/base/error.h"
#include "linscan/text/tokenizer.h"

namespace linscan {

// A folder that disappears with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "linscan_text_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path write(const std::string& name, std::string_view content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
    return path_ / name;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline Tokenizer load_json(std::string_view content) {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", content);
  return Tokenizer::load(folder.path());
}

// The message of the Error that `run` throws; a failed test when it throws none, or one of more
// than a line.
template <typename Run>
std::string error_of(Run run) {
  try {
    run();
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }
  ADD_FAILURE() << "no Error was thrown";
  return "";
}

#define EXPECT_ERROR_WITH(statement, part)                                        \
  do {                                                                            \
    const std::string message_ = ::linscan::error_of([&] { (void)(statement); }); \
    EXPECT_NE(message_.find(part), std::string::npos) << message_;                \
  } while (false)

// A BPE over a, b, c: tokens a b c ab abc bc, merges (a b), (ab c), (b c), and <s>.
inline std::string tiny_json(std::string_view extra = "", std::string_view model_extra = "") {
  return std::string(R"({"version": "1.0")") + std::string(extra) + R"(, "model": {"type": "BPE")" +
         std::string(model_extra) +
         R"(, "vocab": {"<s>": 0, "a": 1, "b": 2, "c": 3, "ab": 4, "abc": 5, "bc": 6}, "merges": ["a b", "ab c", "b c"]}})";
}

using Ids = std::vector<int32_t>;

}  // namespace linscan
