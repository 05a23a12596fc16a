#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "linscan/io/safetensors.h"
#include "unit/base/test_files.h"
#include "unit/io/test_safetensors.h"

namespace linscan {
namespace {

using testing::bytes_of;
using testing::expect_error;
using testing::TemporaryFolder;

TEST(SafetensorsWriter, EveryDType_ReadsBackAlignedAndEqual) {
  const TemporaryFolder folder;
  std::vector<TensorEntry> entries;
  for (const char* dtype : {"BOOL", "F16", "F64", "U8", "I32", "BF16", "I64", "F32", "I16", "I8"}) {
    entries.push_back({std::string("t.") + dtype, *parse_dtype(dtype), {3, 1}});
  }
  entries.push_back({"scalar", DType::kF32, {}});
  entries.push_back({"empty", DType::kF64, {5, 0}});
  entries.push_back({"quote\"and\\slash", DType::kU8, {1}});
  SafetensorsWriter writer(folder / "m", entries, {{"note", "a \"quoted\" text"}});
  for (const TensorEntry& entry : entries) {
    const int64_t count = entry.shape.empty() ? 1 : entry.shape[0] * entry.shape.back();
    const std::string data(static_cast<size_t>(count * item_size(entry.dtype)), entry.name.back());
    writer.write(entry.name, 0, data.data(), static_cast<int64_t>(data.size()));
  }
  writer.commit();

  EXPECT_EQ(std::filesystem::file_size(folder / "m"), static_cast<size_t>(writer.file_bytes()));
  const SafetensorsFile file = SafetensorsFile::open(folder / "m");
  EXPECT_EQ(file.tensors().size(), entries.size());
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.metadata().at("note"), "a \"quoted\" text");
  for (const TensorEntry& entry : entries) {
    const TensorView* view = file.find(entry.name);
    ASSERT_NE(view, nullptr) << entry.name;
    EXPECT_EQ(view->dtype, entry.dtype) << entry.name;
    EXPECT_EQ(view->shape, entry.shape) << entry.name;
    EXPECT_TRUE(view->is_aligned()) << entry.name;
    EXPECT_EQ(bytes_of(*view), std::string(static_cast<size_t>(view->bytes), entry.name.back()));
  }
}

TEST(SafetensorsWriter, PiecesInAnyOrder_MakeTheWhole) {
  const TemporaryFolder folder;
  SafetensorsWriter writer(folder / "m", {{"a", DType::kU8, {6}}, {"b", DType::kU8, {4}}});
  writer.write("a", 4, "ef", 2);
  writer.write("b", 0, "wxyz", 4);
  writer.write("a", 0, "ab", 2);
  writer.write("a", 2, "", 0);
  writer.write("a", 2, "cd", 2);
  writer.commit();
  const SafetensorsFile file = SafetensorsFile::open(folder / "m");
  EXPECT_EQ(bytes_of(*file.find("a")), "abcdef");
  EXPECT_EQ(bytes_of(*file.find("b")), "wxyz");
}

TEST(SafetensorsWriter, NoTensors_IsAValidFile) {
  const TemporaryFolder folder;
  SafetensorsWriter(folder / "m", {}).commit();
  EXPECT_TRUE(SafetensorsFile::open(folder / "m").tensors().empty());
}

TEST(SafetensorsWriter, ByteNotWritten_IsRefusedAndNothingAppears) {
  const TemporaryFolder folder;
  {
    SafetensorsWriter writer(folder / "m", {{"a", DType::kU8, {4}}});
    writer.write("a", 0, "a", 1);
    writer.write("a", 2, "cd", 2);
    expect_error(
        ErrorKind::kInternal, {"\"a\"", "byte 1 of 4 was never written"}, [&] { writer.commit(); });
  }
  EXPECT_TRUE(folder.names().empty());
}

TEST(SafetensorsWriter, WrongPiece_IsRefused) {
  const TemporaryFolder folder;
  SafetensorsWriter writer(folder / "m", {{"a", DType::kU8, {4}}});
  writer.write("a", 1, "bc", 2);
  const auto refuses = [&](std::string_view name, int64_t offset, int64_t bytes, const char* part) {
    expect_error(
        ErrorKind::kInternal, {part}, [&] { writer.write(name, offset, "abcdef", bytes); });
  };
  refuses("b", 0, 1, "not among the entries");
  refuses("a", 3, 2, "outside");
  refuses("a", -1, 1, "outside");
  refuses("a", 0, INT64_MAX, "outside");
  refuses("a", 0, 2, "written twice");
  refuses("a", 2, 1, "written twice");
  refuses("a", 2, 2, "written twice");
  refuses("a", 0, 4, "written twice");
}

TEST(SafetensorsWriter, ImpossibleEntries_AreRefused) {
  const TemporaryFolder folder;
  const auto refuses = [&](std::vector<TensorEntry> entries, const char* part) {
    expect_error(ErrorKind::kInternal, {part}, [&] { SafetensorsWriter(folder / "m", entries); });
  };
  refuses({{"a", DType::kU8, {1}}, {"a", DType::kF32, {1}}}, "listed twice");
  refuses({{"", DType::kU8, {1}}}, "is empty");
  refuses({{"__metadata__", DType::kU8, {1}}}, "is reserved");
  refuses({{"a", DType::kU8, {-1}}}, "impossible shape");
  refuses({{"a", DType::kF64, {INT64_MAX}}}, "impossible shape");
  refuses({{"a", DType::kU8, {INT64_MAX}}, {"b", DType::kU8, {2}}}, "impossible shape");
  EXPECT_TRUE(folder.names().empty());
}

}  // namespace
}  // namespace linscan
