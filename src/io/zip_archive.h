// The records of a zip file, found through its central directory and used where they lie. Only what
// torch.save writes: one disk, stored (never compressed), ZIP64 or not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace linscan {

class ZipArchive {
 public:
  // Place of a record's data in the file.
  struct Range {
    int64_t offset = 0;
    int64_t bytes = 0;
  };

  // Whether a file starts as zip files do.
  static bool is_zip(std::string_view bytes);

  // Reads the central directory of `bytes`, the whole file, which must outlive the archive; no
  // other part of it is touched. `what` names the file in errors. Throws Error(kInput) for what is
  // cut short or contradicts itself and for two records of one name.
  ZipArchive(std::string_view bytes, std::string what);

  // Names of all records, sorted.
  std::vector<std::string_view> names() const;
  // Where the data of a record lie; empty when there is no such record. Reads the record's own
  // header. Throws Error(kUnsupported) for a compressed or encrypted record, Error(kInput) for one
  // that reaches outside the file.
  std::optional<Range> find(std::string_view name) const;

 private:
  struct Entry {
    std::string_view name;
    uint64_t header_offset = 0;
    uint64_t stored_bytes = 0;
    uint64_t bytes = 0;
    uint16_t method = 0;
    uint16_t flags = 0;
  };

  void read_directory(std::string_view directory, uint64_t count);

  std::string_view bytes_;
  std::string what_;
  uint64_t data_end_ = 0;       // the central directory starts here
  std::vector<Entry> entries_;  // sorted by name
};

}  // namespace linscan
