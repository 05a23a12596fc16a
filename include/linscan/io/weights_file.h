// What every format of weights comes down to: named tensors inside mapped files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/io/dtype.h"
#include "linscan/io/mapped_file.h"

namespace linscan {

// One tensor inside a mapped file: row-major, little-endian. A copy is cheap and keeps the mapping
// alive.
struct TensorView {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;        // empty for a scalar
  std::shared_ptr<MappedFile> file;  // never null in a view made by a reader
  int64_t offset = 0;                // of the first byte, from the start of the file
  int64_t bytes = 0;                 // elements() * item_size(dtype)

  // First byte. The file formats do not promise alignment: see is_aligned().
  std::byte* data() const { return file->bytes().data() + offset; }
  // Whether data() may be read as elements of `dtype` in place; otherwise copy the bytes first.
  bool is_aligned() const;
  // Product of `shape`; 1 for a scalar.
  int64_t elements() const;
  // MappedFile::prefetch and MappedFile::release of exactly this tensor.
  void prefetch() const { file->prefetch(offset, bytes); }
  void release() const { file->release(offset, bytes); }
};

// An opened file of weights. SafetensorsFile and TorchFile say how one comes to be; who uses the
// tensors need not know which it was.
class WeightsFile {
 public:
  // In the order of the reader: of the data in a safetensors file, of the pickled dict in a torch
  // one.
  const std::vector<TensorView>& tensors() const { return tensors_; }
  // Null when there is no such tensor. The pointer lives as long as this object.
  const TensorView* find(std::string_view name) const;
  // What the file says beside its tensors; empty when that is nothing.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::filesystem::path& path() const { return path_; }

 protected:
  // Names must be unique.
  WeightsFile(std::filesystem::path path,
              std::vector<TensorView> tensors,
              std::map<std::string, std::string> metadata);

 private:
  std::filesystem::path path_;
  std::vector<TensorView> tensors_;
  std::vector<int32_t> by_name_;  // indices into tensors_, sorted by name
  std::map<std::string, std::string> metadata_;
};

}  // namespace linscan
