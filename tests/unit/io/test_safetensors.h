// Safetensors files for tests: raw ones that may lie, and small honest ones.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/io/safetensors.h"

namespace linscan::testing {

// A file with this header text and data, and the header length as it is.
inline std::string raw_safetensors(std::string_view header, std::string_view data) {
  const uint64_t length = header.size();
  std::string out(sizeof length, '\0');
  std::memcpy(out.data(), &length, sizeof length);
  out += header;
  out += data;
  return out;
}

// One float vector per name; element j of tensor i is 100 * i + j.
inline void write_vectors(const std::filesystem::path& path,
                          const std::vector<std::string>& names,
                          int64_t size = 4) {
  std::vector<TensorEntry> entries;
  for (const std::string& name : names) {
    entries.push_back({name, DType::kF32, {size}});
  }
  SafetensorsWriter writer(path, entries);
  for (size_t i = 0; i < names.size(); ++i) {
    std::vector<float> values(static_cast<size_t>(size));
    for (size_t j = 0; j < values.size(); ++j) {
      values[j] = static_cast<float>(100 * i + j);
    }
    writer.write(names[i], 0, values.data(), size * 4);
  }
  writer.commit();
}

inline std::string bytes_of(const TensorView& tensor) {
  return {reinterpret_cast<const char*>(tensor.data()), static_cast<size_t>(tensor.bytes)};
}

}  // namespace linscan::testing
