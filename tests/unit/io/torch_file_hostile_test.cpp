// Files of torch.save that lie, and files that are something else: one line that says what and
// where, nothing is run, nothing is read outside the file.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "linscan/base/random.h"
#include "linscan/io/torch_file.h"
#include "unit/base/test_files.h"
#include "unit/io/test_safetensors.h"
#include "unit/io/test_torch_file.h"

namespace linscan {
namespace {

using testing::bytes_of;
using testing::expect_error;
using testing::le;
using testing::TemporaryFolder;
using testing::torch_file;
using testing::torch_records;
using testing::zip;
namespace pickle = testing::pickle;

void expect_refused(std::string_view content,
                    const std::vector<std::string>& parts,
                    ErrorKind kind = ErrorKind::kInput) {
  const TemporaryFolder folder;
  const auto path = folder.write("pytorch_model.bin", content);
  std::vector<std::string> all = parts;
  all.push_back("pytorch_model.bin");
  expect_error(kind, all, [&] { TorchFile::open(path); });
}

// A file whose pickle is a dict with this value for "w", and a storage "0" of six bytes.
std::string with_value(const std::string& value) {
  return torch_file(pickle::whole(pickle::dict({{pickle::text("w"), value}})), {{"0", "abcdef"}});
}

std::string bytes_tensor(int64_t offset,
                         const std::vector<int64_t>& shape,
                         const std::vector<int64_t>& strides) {
  return with_value(pickle::tensor(pickle::storage("ByteStorage", "0", 6), offset, shape, strides));
}

TEST(HostileTorchFile, PythonObject_IsRefusedByName) {
  const std::string call = pickle::call(pickle::global("posix", "system"), {pickle::text("ls")});
  expect_refused(with_value(call),
                 {"\"posix.system\"", "not allowed", "nothing was run", "data.pkl: byte"},
                 ErrorKind::kUnsupported);
  expect_refused(torch_file(pickle::whole(call), {}), {"posix.system"}, ErrorKind::kUnsupported);
  const std::string stack_global = pickle::text("os") + pickle::text("system") + "\x93";
  expect_refused(with_value(stack_global), {"\"os.system\""}, ErrorKind::kUnsupported);
  for (const auto& [module, name] : {std::pair("argparse", "Namespace"),
                                     std::pair("builtins", "eval"),
                                     std::pair("torch", "load"),
                                     std::pair("torch._utils", "_rebuild_qtensor"),
                                     std::pair("numpy.core.multiarray", "scalar"),
                                     std::pair("collections.OrderedDict", ""),
                                     std::pair("", "")}) {
    expect_refused(with_value(pickle::global(module, name)),
                   {std::string(module) + "." + name, "not allowed"},
                   ErrorKind::kUnsupported);
  }
  expect_refused(
      with_value(pickle::global("a\x1b[2J", "b")), {"\"a\\x1b[2J.b\""}, ErrorKind::kUnsupported);
}

TEST(HostileTorchFile, StorageOutsideItsBounds_IsRefused) {
  expect_refused(bytes_tensor(0, {7}, {1}), {"\"w\"", "reaches element 7 of a storage of 6"});
  expect_refused(bytes_tensor(4, {3}, {1}), {"reaches element 7"});
  expect_refused(bytes_tensor(0, {2, 3}, {4, 1}), {"[2, 3]", "[4, 1]", "reaches element 7"});
  expect_refused(bytes_tensor(-1, {1}, {1}), {"its offset is -1"});
  expect_refused(bytes_tensor(0, {-1}, {1}), {"its shape is -1"});
  expect_refused(bytes_tensor(0, {1}, {-1}), {"its strides is -1"});
  expect_refused(bytes_tensor(INT64_MAX, {1}, {1}), {"overflow"});
  expect_refused(bytes_tensor(0, {INT64_MAX, 2}, {1, 1}), {"overflow"});
  expect_refused(bytes_tensor(0, {2}, {INT64_MAX - 1}), {"reaches element"});
  expect_refused(bytes_tensor(0, {3, 3}, {INT64_MAX, 1}), {"overflow"});
  expect_refused(bytes_tensor(0, {2}, {1, 1}), {"1 dimensions and 2 strides"});
  expect_refused(bytes_tensor(0, std::vector<int64_t>(65, 1), std::vector<int64_t>(65, 1)),
                 {"its shape has 65 numbers, expected up to 64"});
  // A copy must not be larger than the file.
  expect_refused(bytes_tensor(0, {1'000'000'000'000}, {0}),
                 {"repeats its storage of 6 elements"},
                 ErrorKind::kUnsupported);
}

TEST(HostileTorchFile, StorageThatDoesNotFitItsRecord_IsRefused) {
  const auto with_storage = [](const std::string& storage) {
    return with_value(pickle::tensor(storage, 0, {1}, {1}));
  };
  expect_refused(with_storage(pickle::storage("ByteStorage", "0", 7)),
                 {"\"w\"", "storage \"0\" has 6 bytes, which are 6 elements of U8, not 7"});
  expect_refused(with_storage(pickle::storage("FloatStorage", "0", 6)),
                 {"1 elements of F32, not 6"});
  expect_refused(with_storage(pickle::storage("LongStorage", "0", INT64_MAX)), {"not 92233720368"});
  expect_refused(with_storage(pickle::storage("ByteStorage", "0", -6)), {"is -6, expected 0"});
  expect_refused(with_storage(pickle::storage("ByteStorage", "../0", 6)), {"is not in the file"});
  expect_refused(with_storage(pickle::storage("float32", "0", 6)), {"torch.float32, which says"});
  expect_refused(with_storage(pickle::text("0") + "Q"), {"id of its storage is a string"});
  expect_refused(with_storage("(tQ"), {"0 parts, expected 5"});
  expect_refused(with_storage("N"), {"its storage is None"});
  expect_refused(with_storage(pickle::tuple({pickle::text("module"),
                                             pickle::global("torch", "ByteStorage"),
                                             pickle::text("0"),
                                             pickle::text("cpu"),
                                             pickle::number(6)}) +
                              "Q"),
                 {"the tag of its storage is \"module\""});
  expect_refused(with_storage(pickle::storage("ComplexFloatStorage", "0", 1)),
                 {"torch.ComplexFloatStorage is not supported"},
                 ErrorKind::kUnsupported);
}

TEST(HostileTorchFile, QuantizedType_IsRefusedByName) {
  const std::string value = pickle::call(pickle::global("torch._utils", "_rebuild_tensor_v3"),
                                         {pickle::storage("ByteStorage", "0", 6),
                                          pickle::number(0),
                                          pickle::numbers({6}),
                                          pickle::numbers({1}),
                                          "\x89",
                                          pickle::ordered_dict(),
                                          pickle::global("torch", "float8_e4m3fn")});
  expect_refused(with_value(value),
                 {"\"w\"", "torch.float8_e4m3fn is not supported", "quantized"},
                 ErrorKind::kUnsupported);
}

TEST(HostileTorchFile, FlagsOfAView_AreRefused) {
  const std::string value = pickle::call(pickle::global("torch._utils", "_rebuild_tensor_v2"),
                                         {pickle::storage("ByteStorage", "0", 6),
                                          pickle::number(0),
                                          pickle::numbers({6}),
                                          pickle::numbers({1}),
                                          "\x89",
                                          pickle::ordered_dict(),
                                          "}" + pickle::text("neg") + "\x88s"});
  expect_refused(with_value(value), {"\"w\"", "resolve_neg"}, ErrorKind::kUnsupported);
}

TEST(HostileTorchFile, WrongTopLevel_IsRefused) {
  const std::string tensor = pickle::tensor(pickle::storage("ByteStorage", "0", 6), 0, {6}, {1});
  const auto refuses = [&](const std::string& value,
                           const std::vector<std::string>& parts,
                           ErrorKind kind = ErrorKind::kInput) {
    expect_refused(torch_file(pickle::whole(value), {{"0", "abcdef"}}), parts, kind);
  };
  refuses("]", {"holds a list, expected a dict of tensors"}, ErrorKind::kUnsupported);
  refuses(tensor, {"holds a tensor"}, ErrorKind::kUnsupported);
  refuses("N", {"holds None"}, ErrorKind::kUnsupported);
  const std::string inner = pickle::dict({{pickle::text("w"), tensor}});
  for (const char* key : {"state_dict", "model"}) {
    refuses(pickle::dict({{pickle::text("epoch"), "K\1"}, {pickle::text(key), inner}}),
            {"under the key \"" + std::string(key) + "\"", "['" + std::string(key) + "']"},
            ErrorKind::kUnsupported);
  }
  // A key that would be code in the command is not put there.
  const TemporaryFolder folder;
  const auto path = folder.write(
      "m", torch_file(pickle::whole(pickle::dict({{pickle::text("'];evil()#"), inner}})), {}));
  try {
    TorchFile::open(path);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find("python"), std::string::npos) << error.what();
  }
  refuses(pickle::dict({{pickle::text("epoch"), "K\1"}}), {"holds no tensors"});
  refuses(pickle::dict({{"K\1", tensor}}), {"key 0 of the dict is a number"});
  refuses(pickle::dict({{pickle::text("w"), tensor}, {pickle::text("w"), tensor}}),
          {"\"w\" appears twice"});
  refuses(pickle::dict({{pickle::text("a\nb"), tensor}}), {"control characters"});
  refuses(pickle::dict({{pickle::text(""), tensor}}), {"is empty"});
}

// Values that are shared must not be looked at again for each of their uses.
TEST(HostileTorchFile, SharedValues_CostOnce) {
  std::string inner = "}q" + std::string(1, '\0') + "(";
  for (int i = 0; i < 100'000; ++i) {
    inner += "NN";
  }
  std::string root = "}(" + pickle::text("0") + inner + "u";
  for (int i = 1; i < 100'000; ++i) {
    root += pickle::text(std::to_string(i)) + "h" + std::string(1, '\0');
  }
  expect_refused(torch_file(pickle::whole(root + "u"), {}), {"holds no tensors"});
}

TEST(HostileTorchFile, OtherFormats_AreRefusedByName) {
  expect_refused(std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15),
                 {"before release 1.6", "save_pretrained"},
                 ErrorKind::kUnsupported);
  std::string tar(512, '\0');
  tar.replace(257, 5, "ustar");
  expect_refused(tar, {"tar file"}, ErrorKind::kUnsupported);
  for (const std::string& content : {std::string(), std::string("PK"), std::string(1000, 'x')}) {
    expect_refused(content, {"is no file of torch.save"});
  }
  expect_refused("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
                 {"Git LFS pointer", "git lfs pull"});
  expect_refused(zip({{"a/b", "x"}}), {"no checkpoint of torch.save", "data.pkl"});
  expect_refused(zip({{"data.pkl", "x"}}), {"no checkpoint of torch.save"});
  auto records = torch_records(pickle::whole("}"), {});
  records.push_back({"archive/constants.pkl", "x"});
  expect_refused(zip(records), {"TorchScript", "torch.jit.load"}, ErrorKind::kUnsupported);
  records.back().name = "archive/code/__torch__.py";
  expect_refused(zip(records), {"TorchScript"}, ErrorKind::kUnsupported);
  records.back() = {"other/data.pkl", "x"};
  expect_refused(zip(records), {"has both"});
}

TEST(HostileTorchFile, OtherByteOrder_IsRefused) {
  auto records = torch_records(pickle::whole("}"), {});
  records[1].data = "big";
  expect_refused(zip(records), {"byte order is \"big\""}, ErrorKind::kUnsupported);
}

TEST(HostileTorchFile, CompressedOrEncryptedRecord_IsRefused) {
  const std::string tensor = pickle::tensor(pickle::storage("ByteStorage", "0", 6), 0, {6}, {1});
  auto records =
      torch_records(pickle::whole(pickle::dict({{pickle::text("w"), tensor}})), {{"0", "abcdef"}});
  records[2].method = 8;
  expect_refused(zip(records), {"archive/data/0", "compressed"}, ErrorKind::kUnsupported);
  records[2].method = 0;
  records[2].flags = 1;
  expect_refused(zip(records), {"archive/data/0", "encrypted"}, ErrorKind::kUnsupported);
}

// A small file with everything: a transposed view, a shared storage, a parameter.
std::string sample() {
  const std::string storage = pickle::storage("ShortStorage", "0", 6);
  const std::string tensor = pickle::tensor(storage, 0, {3, 2}, {2, 1});
  return torch_file(pickle::whole(pickle::ordered_dict() + "(" + pickle::text("w") + tensor +
                                  "q\1" + pickle::text("v") + "h\1" + pickle::text("t") +
                                  pickle::tensor(storage, 0, {2, 3}, {1, 2}) + pickle::text("p") +
                                  pickle::parameter(pickle::tensor(
                                      pickle::storage("FloatStorage", "1", 1), 0, {}, {})) +
                                  "u"),
                    {{"0", "aabbccddeeff"}, {"1", "ffff"}});
}

// Opens the bytes and reads every tensor; a refusal must be one readable line.
bool opens(const TemporaryFolder& folder, const std::string& content) {
  const auto path = folder.write("m", content);
  try {
    const TorchFile file = TorchFile::open(path);
    for (const TensorView& tensor : file.tensors()) {
      EXPECT_EQ(bytes_of(tensor).size(), static_cast<size_t>(tensor.bytes));
    }
    return true;
  } catch (const Error& error) {
    EXPECT_NE(error.kind(), ErrorKind::kInternal) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    EXPECT_LT(std::string_view(error.what()).size(), 2000u);
    return false;
  }
}

TEST(HostileTorchFile, TruncatedAnywhere_IsRefused) {
  const TemporaryFolder folder;
  const std::string whole = sample();
  ASSERT_TRUE(opens(folder, whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(opens(folder, whole.substr(0, size))) << size;
  }
}

TEST(HostileTorchFile, AnyByteChanged_OpensOrThrowsError) {
  const TemporaryFolder folder;
  const std::string whole = sample();
  int opened = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int mask : {0x01, 0x80, 0xff}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ mask);
      opened += opens(folder, changed) ? 1 : 0;
    }
  }
  EXPECT_GT(opened, 0);  // padding, dates and weights are free
}

}  // namespace
}  // namespace linscan
