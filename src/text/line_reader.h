// Lines of a file that may be compressed, through a buffer of fixed size.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace linscan {

// Bytes of a file, unpacked on the way.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Up to `capacity` bytes; 0 at the end. Throws on read errors and corrupt data, naming the file.
  virtual size_t read(char* buffer, size_t capacity) = 0;
  // Bytes of the file itself, packed as it is, that were read so far.
  virtual int64_t packed_bytes() const = 0;
};

// Chooses by the name: .gz, .zst, otherwise plain.
std::unique_ptr<ByteSource> open_source(const std::filesystem::path& file);

class LineReader {
 public:
  explicit LineReader(const std::filesystem::path& file);

  // The next line without its line end (\n or \r\n). False at the end. Refuses lines above kMaxLine
  // bytes.
  bool next(std::string& line);
  int64_t line_number() const { return line_number_; }  // of the last line, from 1
  int64_t packed_bytes() const { return source_->packed_bytes(); }

 private:
  static constexpr size_t kMaxLine = size_t{1} << 30;

  std::string name_;
  std::unique_ptr<ByteSource> source_;
  std::string buffer_;
  size_t at_ = 0;
  size_t filled_ = 0;
  int64_t line_number_ = 0;
};

}  // namespace linscan
