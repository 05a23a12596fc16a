// Text files read lazily, record by record: only as much is read and unpacked as is asked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace linscan {

// How a data file is read, by its name.
enum class DataFormat {
  kText,       // .txt: the whole file is one record
  kJsonLines,  // .jsonl, .json, and these with .gz or .zst: one JSON object a line
  kIds32,      // .i32: raw token ids, little-endian int32
  kIds16,      // .u16: raw token ids, little-endian uint16
};

// Refuses other names with the list of those it knows.
DataFormat data_format(const std::filesystem::path& file);

// Throws unless every file can be opened and has a name that data_format knows.
void check_data_files(const std::vector<std::filesystem::path>& files);

// The texts of .txt and JSON-lines files, in the order given. Holds one record and a fixed buffer
// in memory.
class CorpusReader {
 public:
  // text_field: the member of each JSON line that holds the text. document_separator: a line of a
  // .txt file that is exactly this ends a record ("<|endoftext|>"), so that the file is many;
  // empty: one file is one record. Raw id files are refused: they hold no text.
  explicit CorpusReader(std::vector<std::filesystem::path> files,
                        std::string text_field = "text",
                        std::string document_separator = "");
  ~CorpusReader();
  CorpusReader(CorpusReader&&) noexcept;
  CorpusReader& operator=(CorpusReader&&) noexcept;

  // The next record, or nothing at the end. Blank lines of JSON-lines files are skipped. The text
  // may hold ill-formed UTF-8 (.txt). Errors name file and line: unreadable or corrupt file, no
  // JSON object, field missing or no string.
  std::optional<std::string> next();

  // Index (into the files given) of the file that the last record came from.
  size_t file_index() const;

  // Bytes of the files (as they lie on the disk) that were read so far, for a progress line.
  int64_t bytes_read() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace linscan
