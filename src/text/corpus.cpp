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
  std::string document_separator;
  size_t next_file = 0;
  std::unique_ptr<LineReader> lines;  // of the file that is being read line by line
  std::string line;
  int64_t finished_bytes = 0;  // of the files that were read to their end

  std::optional<std::string> next_record() {
    return data_format(files[next_file - 1]) == DataFormat::kText ? next_document() : next_line();
  }

  std::optional<std::string> next_line() {
    while (lines->next(line)) {
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      const std::string where =
          fmt::format("{}:{}", files[next_file - 1].string(), lines->line_number());
      return read_string_field(line, text_field, where);
    }
    return std::nullopt;
  }

  // The lines up to the next separator, without the line breaks around them. Nothing when the file
  // has no more lines; what lies between two separators that follow one another is no record.
  std::optional<std::string> next_document() {
    std::string document;
    while (lines->next(line)) {
      if (line != document_separator) {
        if (!document.empty() || !line.empty()) document.append(line).push_back('\n');
        continue;
      }
      if (!document.empty()) break;
    }
    const size_t last = document.find_last_not_of('\n');
    if (last == std::string::npos) return std::nullopt;
    document.resize(last + 1);
    return document;
  }
};

CorpusReader::CorpusReader(std::vector<fs::path> files,
                           std::string text_field,
                           std::string document_separator)
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
  state_->document_separator = std::move(document_separator);
}
CorpusReader::~CorpusReader() = default;
CorpusReader::CorpusReader(CorpusReader&&) noexcept = default;
CorpusReader& CorpusReader::operator=(CorpusReader&&) noexcept = default;

std::optional<std::string> CorpusReader::next() {
  constexpr int64_t kMaxTextFile = int64_t{8} << 30;
  while (true) {
    if (state_->lines) {
      if (auto record = state_->next_record()) return record;
      state_->finished_bytes += state_->lines->packed_bytes();
      state_->lines.reset();
    }
    if (state_->next_file == state_->files.size()) return std::nullopt;
    const fs::path& file = state_->files[state_->next_file++];
    if (data_format(file) == DataFormat::kText && state_->document_separator.empty()) {
      std::string text = read_file(file, kMaxTextFile);
      state_->finished_bytes += static_cast<int64_t>(text.size());
      return text;
    }
    state_->lines = std::make_unique<LineReader>(file);
  }
}

size_t CorpusReader::file_index() const {
  return state_->next_file - 1;
}

int64_t CorpusReader::bytes_read() const {
  return state_->finished_bytes + (state_->lines ? state_->lines->packed_bytes() : 0);
}

}  // namespace linscan
