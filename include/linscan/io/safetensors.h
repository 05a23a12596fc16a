// safetensors files: a reader that believes nothing the header says before it is checked, and a
// writer that takes tensors in any order and in pieces. Format: u64 header length (little-endian),
// JSON header, data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/files.h"
#include "linscan/io/dtype.h"
#include "linscan/io/weights_file.h"

namespace linscan {

class SafetensorsFile : public WeightsFile {
 public:
  // Maps `path` and checks it completely: header length (at most 100 MB, inside the file), strict
  // JSON without duplicate names, dtypes (those of DType; others, such as F8_E4M3, are
  // Error(kUnsupported) by name), shapes (at most 64 dimensions, no overflow), byte counts, and
  // that the tensors cover the data section exactly, without holes or overlap. Throws Error(kInput)
  // naming file and tensor. metadata() is the header's `__metadata__`.
  static SafetensorsFile open(const std::filesystem::path& path);

 private:
  using WeightsFile::WeightsFile;
};

// What the writer needs to know of a tensor before its data.
struct TensorEntry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
};

// Writes one file. All entries are known at the start; data follow in any order and in pieces. The
// file appears under its name at commit(); without it nothing is left behind. Not thread-safe.
class SafetensorsWriter {
 public:
  // Lays the tensors out by falling element size, then by name, so that every tensor is aligned for
  // its type. `metadata` is written beside `format: pt`, which transformers insists on. Throws
  // Error(kInternal) for duplicate or unusable names and impossible shapes, Error(kInput) when the
  // file cannot be written.
  SafetensorsWriter(const std::filesystem::path& path,
                    std::vector<TensorEntry> entries,
                    std::map<std::string, std::string> metadata = {});

  // Writes `bytes` bytes of tensor `name` at byte `offset_in_tensor`. No byte may be written twice.
  void write(std::string_view name, int64_t offset_in_tensor, const void* data, int64_t bytes);
  // Checks that every byte of every tensor was written and puts the file in place.
  void commit();

  // Size of the whole file.
  int64_t file_bytes() const { return file_bytes_; }

 private:
  struct Slot {
    int64_t offset = 0;                  // from the start of the file
    int64_t bytes = 0;                   // of the tensor
    std::map<int64_t, int64_t> written;  // begin -> end of the pieces so far, neighbours merged
  };

  std::filesystem::path path_;
  std::map<std::string, Slot, std::less<>> slots_;
  int64_t file_bytes_ = 0;
  AtomicFile file_;
};

}  // namespace linscan
