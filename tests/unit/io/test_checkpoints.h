// Checkpoints that the tests of the writer write: their tensors and their sources.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "linscan/io/checkpoint.h"
#include "linscan/io/checkpoint_writer.h"
#include "unit/base/test_files.h"
#include "unit/io/test_safetensors.h"

namespace linscan::testing {

inline std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

// Content of tensor `name`: bytes that differ from tensor to tensor and from place to place.
inline std::string content(const std::string& name, int64_t bytes) {
  std::string out(static_cast<size_t>(bytes), '\0');
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<char>(std::hash<std::string>()(name) + 7 * i);
  }
  return out;
}

inline int64_t bytes_of_entry(const TensorEntry& entry) {
  int64_t bytes = item_size(entry.dtype);
  for (const int64_t size : entry.shape) {
    bytes *= size;
  }
  return bytes;
}

inline void write_all(CheckpointWriter& writer, const std::vector<TensorEntry>& entries) {
  for (const TensorEntry& entry : entries) {
    const std::string data = content(entry.name, bytes_of_entry(entry));
    writer.write(entry.name, 0, data.data(), static_cast<int64_t>(data.size()));
  }
}

// Every dtype, a scalar, tensors without elements, and names out of order.
inline std::vector<TensorEntry> all_kinds() {
  std::vector<TensorEntry> entries;
  for (const char* dtype : {"F32", "BOOL", "F16", "F64", "U8", "I32", "BF16", "I64", "I16", "I8"}) {
    entries.push_back({std::string("t.") + dtype, *parse_dtype(dtype), {3, 2}});
  }
  entries.push_back({"scalar", DType::kF32, {}});
  entries.push_back({"empty", DType::kF64, {5, 0}});
  entries.push_back({"a", DType::kBF16, {7}});
  entries.push_back({"last empty", DType::kU8, {0}});
  return entries;
}

inline void expect_equal(const Checkpoint& checkpoint, const std::vector<TensorEntry>& entries) {
  EXPECT_EQ(checkpoint.names().size(), entries.size());
  for (const TensorEntry& entry : entries) {
    const TensorView* view = checkpoint.find(entry.name);
    ASSERT_NE(view, nullptr) << entry.name;
    EXPECT_EQ(view->dtype, entry.dtype) << entry.name;
    EXPECT_EQ(view->shape, entry.shape) << entry.name;
    EXPECT_TRUE(view->is_aligned()) << entry.name;
    EXPECT_EQ(bytes_of(*view), content(entry.name, bytes_of_entry(entry))) << entry.name;
  }
}

inline const std::vector<TensorEntry> kTwo = {{"b", DType::kF32, {4}}, {"a", DType::kF32, {4}}};

// A folder "source" as an old transformers would have left it.
inline void make_source(const TemporaryFolder& folder) {
  std::filesystem::create_directory(folder / "source");
  folder.write("source/config.json", "{\"eps\": 1e-05, \"num_layers\": 4}\n");
  write_vectors(folder / "source/model.safetensors", {"a", "b"});
}

}  // namespace linscan::testing
