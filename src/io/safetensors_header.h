// The JSON header of a safetensors file, read and written. What only the header can tell is checked
// here; what needs the size of the data is checked by the reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/io/dtype.h"
#include "linscan/io/safetensors.h"

namespace linscan {

constexpr int64_t kMaxHeaderBytes = 100'000'000;
constexpr size_t kMaxDimensions = 64;
constexpr std::string_view kMetadataKey = "__metadata__";

// One entry of the header. `begin` and `end` count from the start of the data section.
struct HeaderEntry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  int64_t begin = 0;
  int64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<HeaderEntry> entries;
  std::map<std::string, std::string> metadata;
};

// Parses `text` (without the length in front of it). Each entry has all its fields, a usable name,
// a known dtype and end - begin equal to the bytes of its shape; begin >= 0. `what` names the file
// in errors.
SafetensorsHeader parse_header(std::string_view text, std::string_view what);

// The JSON text of a header, without padding.
std::string format_header(const SafetensorsHeader& header);

// Bytes of a tensor; -1 when the shape has a negative size or overflows 63 bits.
int64_t tensor_bytes(DType dtype, const std::vector<int64_t>& shape);

// Why `name` cannot name a tensor; empty when it can. Control characters could forge log lines and
// the lines of the weights digest.
std::string_view reject_name(std::string_view name);

// Bytes of a tensor that is to be written to `what`. Throws Error(kInternal) for an unusable name
// or an impossible shape.
int64_t require_writable_entry(const TensorEntry& entry, std::string_view what);

}  // namespace linscan
