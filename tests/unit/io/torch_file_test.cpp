#include "linscan/io/torch_file.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/base/test_files.h"
#include "unit/io/test_safetensors.h"
#include "unit/io/test_torch_file.h"

namespace linscan {
namespace {

using testing::bytes_of;
using testing::le;
using testing::TemporaryFolder;
using testing::torch_file;
using testing::torch_records;
using testing::zip;
using testing::ZipOptions;
namespace pickle = testing::pickle;
using Shape = std::vector<int64_t>;

TorchFile open_bytes(std::string_view content) {
  const TemporaryFolder folder;  // a mapping outlives the name of its file
  return TorchFile::open(folder.write("pytorch_model.bin", content));
}

// One entry "w" with this value, and one storage "0".
TorchFile open_tensor(const std::string& value, const std::string& data) {
  return open_bytes(
      torch_file(pickle::whole(pickle::dict({{pickle::text("w"), value}})), {{"0", data}}));
}

template <typename Number>
std::string sequence(Number count) {
  std::string out;
  for (Number i = 0; i < count; ++i) {
    out += le(i);
  }
  return out;
}

TEST(TorchFile, StateDict_HasItsTensors) {
  // As state_dict() gives it: an OrderedDict with an attribute.
  const std::string a = pickle::tensor(pickle::storage("FloatStorage", "0", 6), 0, {2, 3}, {3, 1});
  const std::string b = pickle::tensor(pickle::storage("LongStorage", "1", 1), 0, {}, {});
  const std::string root = pickle::ordered_dict() + "(" + pickle::text("a.weight") + a +
                           pickle::text("b") + pickle::parameter(b) + "u" + "}" +
                           pickle::text("_metadata") + pickle::ordered_dict() + "sb";
  const std::string data = sequence<float>(6);
  const TorchFile file =
      open_bytes(torch_file(pickle::whole(root), {{"0", data}, {"1", le<int64_t>(7)}}));
  ASSERT_EQ(file.tensors().size(), 2u);
  EXPECT_EQ(file.tensors()[0].name, "a.weight");
  EXPECT_EQ(file.tensors()[0].dtype, DType::kF32);
  EXPECT_EQ(file.tensors()[0].shape, (Shape{2, 3}));
  EXPECT_EQ(bytes_of(file.tensors()[0]), data);
  EXPECT_TRUE(file.tensors()[0].is_aligned());
  EXPECT_EQ(file.find("b")->dtype, DType::kI64);
  EXPECT_EQ(file.find("b")->shape, Shape{});
  EXPECT_EQ(bytes_of(*file.find("b")), le<int64_t>(7));
  EXPECT_EQ(file.find("c"), nullptr);
  EXPECT_TRUE(file.metadata().empty());
}

TEST(TorchFile, EveryStorageType_HasItsDType) {
  const struct {
    const char* storage;
    DType dtype;
  } rows[] = {{"DoubleStorage", DType::kF64},
              {"FloatStorage", DType::kF32},
              {"HalfStorage", DType::kF16},
              {"BFloat16Storage", DType::kBF16},
              {"LongStorage", DType::kI64},
              {"IntStorage", DType::kI32},
              {"ShortStorage", DType::kI16},
              {"CharStorage", DType::kI8},
              {"ByteStorage", DType::kU8},
              {"BoolStorage", DType::kBool}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.storage);
    const auto bytes = static_cast<size_t>(2 * item_size(row.dtype));
    const TorchFile file = open_tensor(
        pickle::tensor(pickle::storage(row.storage, "0", 2), 0, {2}, {1}), std::string(bytes, 'x'));
    EXPECT_EQ(file.find("w")->dtype, row.dtype);
    EXPECT_EQ(bytes_of(*file.find("w")), std::string(bytes, 'x'));
  }
}

TEST(TorchFile, UntypedStorage_TakesTheDTypeOfTheTensor) {
  const std::string storage = pickle::tuple({pickle::text("storage"),
                                             pickle::global("torch.storage", "UntypedStorage"),
                                             pickle::text("0"),
                                             pickle::text("cpu"),
                                             pickle::number(8)}) +
                              "Q";
  const std::string value = pickle::call(pickle::global("torch._utils", "_rebuild_tensor_v3"),
                                         {storage,
                                          pickle::number(1),
                                          pickle::numbers({3}),
                                          pickle::numbers({1}),
                                          "\x89",
                                          pickle::ordered_dict(),
                                          pickle::global("torch", "int16")});
  EXPECT_EQ(bytes_of(*open_tensor(value, "aabbccdd").find("w")), "bbccdd");
}

TEST(TorchFile, SharedStorage_IsSharedAndViewsHaveOffsets) {
  const std::string storage = pickle::storage("ShortStorage", "0", 6);
  const std::string root =
      pickle::dict({{pickle::text("whole"), pickle::tensor(storage, 0, {6}, {1})},
                    {pickle::text("again"), pickle::tensor(storage, 0, {6}, {1})},
                    {pickle::text("tail"), pickle::tensor(storage, 2, {2, 2}, {2, 1})}});
  const TorchFile file = open_bytes(torch_file(pickle::whole(root), {{"0", "aabbccddeeff"}}));
  EXPECT_EQ(file.find("whole")->data(), file.find("again")->data());
  EXPECT_EQ(file.find("tail")->data(), file.find("whole")->data() + 4);
  EXPECT_EQ(bytes_of(*file.find("tail")), "ccddeeff");
}

TEST(TorchFile, TransposedView_IsRowMajor) {
  const std::string storage = pickle::storage("ByteStorage", "0", 6);
  const std::string root =
      pickle::dict({{pickle::text("w"), pickle::tensor(storage, 0, {3, 2}, {1, 3})},
                    {pickle::text("again"), pickle::tensor(storage, 0, {3, 2}, {1, 3})},
                    {pickle::text("columns"), pickle::tensor(storage, 1, {2, 2}, {3, 1})},
                    {pickle::text("row"), pickle::tensor(storage, 3, {1, 3}, {77, 1})}});
  const TorchFile file = open_bytes(torch_file(pickle::whole(root), {{"0", "abcdef"}}));
  const TensorView* w = file.find("w");
  EXPECT_EQ(w->bytes, 6);
  EXPECT_EQ(bytes_of(*w), "adbecf");
  EXPECT_EQ(w->file, file.find("again")->file);
  EXPECT_EQ(w->file->path().filename(), "pytorch_model.bin");
  EXPECT_EQ(bytes_of(*file.find("columns")), "bcef");
  EXPECT_EQ(bytes_of(*file.find("row")), "def");
  EXPECT_NE(file.find("columns")->file, file.find("row")->file);
  // Memory that is given back comes again.
  w->release();
  w->prefetch();
  EXPECT_EQ(bytes_of(*w), "adbecf");
}

TEST(TorchFile, EmptyTensor_NeedsNothing) {
  const TorchFile file =
      open_tensor(pickle::tensor(pickle::storage("FloatStorage", "0", 0), 0, {0, 5}, {5, 1}), "");
  EXPECT_EQ(file.find("w")->bytes, 0);
  EXPECT_EQ(file.find("w")->shape, (Shape{0, 5}));
}

TEST(TorchFile, EmptyDict_HasNoTensors) {
  EXPECT_TRUE(open_bytes(torch_file(pickle::whole("}"), {})).tensors().empty());
}

TEST(TorchFile, EntriesThatAreNoTensors_AreLeftOut) {
  const std::string tensor = pickle::tensor(pickle::storage("ByteStorage", "0", 1), 0, {1}, {1});
  const std::string root =
      pickle::dict({{pickle::text("epoch"), pickle::number(3)},
                    {pickle::text("w"), tensor},
                    {pickle::text("lr"), "G" + std::string(8, '\0')},
                    {pickle::text("note"), pickle::text("x")},
                    {pickle::text("list"), "]N\x61"},
                    {pickle::text("options"), "}" + pickle::text("a") + "Ns"}});
  const TorchFile file = open_bytes(torch_file(pickle::whole(root), {{"0", "x"}}));
  ASSERT_EQ(file.tensors().size(), 1u);
  EXPECT_EQ(file.tensors()[0].name, "w");
}

TEST(TorchFile, Protocol4_IsRead) {
  const auto short_text = [](std::string_view text) {
    return "\x8c" + le(static_cast<uint8_t>(text.size())) + std::string(text) + "\x94";
  };
  const auto stack_global = [&](std::string_view module, std::string_view name) {
    return short_text(module) + short_text(name) + "\x93\x94";
  };
  // Python numbers what it remembers: the dict is 0, "w" is 1, ..., the tensor is 19.
  const std::string storage = "(" + short_text("storage") + stack_global("torch", "ByteStorage") +
                              short_text("0") + short_text("cpu") + "K\3t\x94Q";
  const std::string tensor = stack_global("torch._utils", "_rebuild_tensor_v2") + "(" + storage +
                             "K\1K\2\x85\x94K\1\x85\x94\x89" +
                             stack_global("collections", "OrderedDict") + ")R\x94t\x94R\x94";
  const std::string body = "}\x94(" + short_text("w") + tensor + short_text("v") + "h\x13u.";
  const std::string whole = "\x80\x04\x95" + le<uint64_t>(body.size()) + body;
  const TorchFile file = open_bytes(torch_file(whole, {{"0", "abc"}}));
  EXPECT_EQ(bytes_of(*file.find("w")), "bc");
}

TEST(TorchFile, MemoAndLongOpcodes_AreRead) {
  const std::string tensor = pickle::tensor(pickle::storage("ByteStorage", "0", 3), 0, {3}, {1});
  const std::string root = "}q\1" + pickle::text("w") + "r" + le<uint32_t>(2) + tensor + "q\3s" +
                           pickle::text("v") + "j" + le<uint32_t>(3) + "s";
  const TorchFile file = open_bytes(torch_file(pickle::whole(root), {{"0", "abc"}}));
  EXPECT_EQ(file.find("w")->data(), file.find("v")->data());
}

TEST(TorchFile, ZipForms_AreAllRead) {
  const std::string root = pickle::whole(pickle::dict(
      {{pickle::text("w"), pickle::tensor(pickle::storage("ByteStorage", "0", 3), 0, {3}, {1})}}));
  const auto records = torch_records(root, {{"0", "abc"}});
  for (const ZipOptions& options : {ZipOptions{},
                                    ZipOptions{.zip64 = true},
                                    ZipOptions{.alignment = 1},
                                    ZipOptions{.comment = "a comment with PK\5\6 in it"}}) {
    EXPECT_EQ(bytes_of(*open_bytes(zip(records, options)).find("w")), "abc");
  }
}

TEST(TorchFile, OldFileWithoutByteOrder_IsLittleEndian) {
  auto records = torch_records(
      pickle::whole(
          pickle::dict({{pickle::text("w"),
                         pickle::tensor(pickle::storage("ByteStorage", "0", 1), 0, {1}, {1})}})),
      {{"0", "x"}});
  std::erase_if(records, [](const auto& record) { return record.name == "archive/byteorder"; });
  EXPECT_EQ(bytes_of(*open_bytes(zip(records)).find("w")), "x");
}

TEST(TorchFile, GpuStorageOfOldReleases_IsRead) {
  const std::string storage = pickle::tuple({pickle::text("storage"),
                                             pickle::global("torch.cuda", "HalfStorage"),
                                             pickle::text("0"),
                                             pickle::text("cuda:0"),
                                             pickle::number(1)}) +
                              "Q";
  EXPECT_EQ(open_tensor(pickle::tensor(storage, 0, {1}, {1}), "xx").find("w")->dtype, DType::kF16);
}

}  // namespace
}  // namespace linscan
