#include "linscan/text/corpus.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/base/json.h"
#include "text/json_field.h"
#include "text/line_reader.h"

namespace linscan {

namespace fs = std::filesystem;

DataFormat data_format(const fs::path& file) {
  std::string name = file.filename().string();
  const bool packed = name.ends_with(".gz") || name.ends_with(".zst");
  if (packed) name.erase(name.rfind('.'));
  if (name.ends_with(".jsonl") || name.ends_with(".json")) return DataFormat::kJsonLines;
  if (!packed && name.ends_with(".txt")) return DataFormat::kText;
  if (!packed && name.ends_with(".i32")) return DataFormat::kIds32;
  if (!packed && name.ends_with(".u16")) return DataFormat::kIds16;
  fail_input(
      "{}: unknown kind of data file; expected .txt, .jsonl or .json (also .gz, .zst), or raw "
      "token ids .i32, .u16",
      file.string());
}

void check_data_files(const std::vector<fs::path>& files) {
  for (const fs::path& file : files) {
    data_format(file);
    LINSCAN_CHECK(fs::exists(file), kInput, "{}: no such file", file.string());
    LINSCAN_CHECK(
        !fs::is_directory(file), kInput, "{}: is a directory, expected a file", file.string());
    LINSCAN_CHECK(access(file.c_str(), R_OK) == 0,
                  kInput,
                  "{}: cannot be opened: {}",
                  file.string(),
                  std::strerror(errno));
  }
}

struct CorpusReader::State {
  std::vector<fs::path> files;
  std::string text_field;
  size_t next_file = 0;
  std::unique_ptr<LineReader> lines;  // of the JSON-lines file that is being read
  std::string line;

  std::optional<std::string> next_line() {
    while (lines->next(line)) {
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      const std::string where =
          fmt::format("{}:{}", files[next_file - 1].string(), lines->line_number());
      return read_string_field(line, text_field, where);
    }
    return std::nullopt;
  }
};

CorpusReader::CorpusReader(std::vector<fs::path> files, std::string text_field)
    : state_(std::make_unique<State>()) {
  check_data_files(files);
  for (const fs::path& file : files) {
    const DataFormat format = data_format(file);
    LINSCAN_CHECK(format == DataFormat::kText || format == DataFormat::kJsonLines,
                  kInput,
                  "{}: holds token ids, but text is needed here",
                  file.string());
  }
  state_->files = std::move(files);
  state_->text_field = std::move(text_field);
}
CorpusReader::~CorpusReader() = default;
CorpusReader::CorpusReader(CorpusReader&&) noexcept = default;
CorpusReader& CorpusReader::operator=(CorpusReader&&) noexcept = default;

std::optional<std::string> CorpusReader::next() {
  constexpr int64_t kMaxTextFile = int64_t{8} << 30;
  while (true) {
    if (state_->lines) {
      if (auto record = state_->next_line()) return record;
      state_->lines.reset();
    }
    if (state_->next_file == state_->files.size()) return std::nullopt;
    const fs::path& file = state_->files[state_->next_file++];
    if (data_format(file) == DataFormat::kText) return read_file(file, kMaxTextFile);
    state_->lines = std::make_unique<LineReader>(file);
  }
}

size_t CorpusReader::file_index() const {
  return state_->next_file - 1;
}

}  // namespace linscan
