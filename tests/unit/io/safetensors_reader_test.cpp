#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "linscan/io/safetensors.h"
#include "unit/base/test_files.h"
#include "unit/io/test_safetensors.h"

namespace linscan {
namespace {

using testing::bytes_of;
using testing::expect_error;
using testing::raw_safetensors;
using testing::TemporaryFolder;
using Shape = std::vector<int64_t>;

// Opens a file of these bytes.
SafetensorsFile open_bytes(std::string_view content) {
  const TemporaryFolder folder;  // a mapping outlives the name of its file
  return SafetensorsFile::open(folder.write("model.safetensors", content));
}

void expect_refused(std::string_view content,
                    const std::vector<std::string>& parts,
                    ErrorKind kind = ErrorKind::kInput) {
  std::vector<std::string> all = parts;
  all.push_back("model.safetensors");
  expect_error(kind, all, [&] { open_bytes(content); });
}

// One tensor "w" with this JSON object, and `bytes` bytes of data.
std::string with_tensor(std::string_view entry, size_t bytes) {
  return raw_safetensors("{\"w\":" + std::string(entry) + "}", std::string(bytes, 'x'));
}

TEST(SafetensorsFile, ValidFile_HasTensorsInDataOrder) {
  const SafetensorsFile file = open_bytes(raw_safetensors(
      R"({"b":{"dtype":"I16","shape":[2,1],"data_offsets":[2,6]},"__metadata__":{"format":"pt","k":"v"},)"
      R"("a":{"data_offsets":[6,6],"shape":[3,0],"dtype":"F64"},"s":{"dtype":"U8","shape":[],"data_offsets":[0,1]},)"
      R"("c":{"dtype":"BOOL","shape":[1],"data_offsets":[1,2]}}   )",
      "scbbbb"));
  ASSERT_EQ(file.tensors().size(), 4u);
  EXPECT_EQ(file.tensors()[0].name, "s");
  EXPECT_EQ(file.tensors()[1].name, "c");
  EXPECT_EQ(file.tensors()[2].name, "b");
  EXPECT_EQ(file.tensors()[3].name, "a");
  EXPECT_EQ(file.find("s")->elements(), 1);
  EXPECT_EQ(file.find("s")->shape, Shape{});
  EXPECT_EQ(file.find("a")->elements(), 0);
  EXPECT_EQ(file.find("b")->shape, (Shape{2, 1}));
  EXPECT_EQ(file.find("b")->dtype, DType::kI16);
  EXPECT_EQ(bytes_of(*file.find("b")), "bbbb");
  EXPECT_EQ(file.find("d"), nullptr);
  EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"format", "pt"}, {"k", "v"}}));
}

TEST(SafetensorsFile, NoTensors_IsValid) {
  EXPECT_TRUE(open_bytes(raw_safetensors("{}", "")).tensors().empty());
  EXPECT_TRUE(open_bytes(raw_safetensors(R"({"__metadata__":{}})", "")).tensors().empty());
}

TEST(TensorView, OutlivesTheReader) {
  const TensorView view =
      *open_bytes(with_tensor(R"({"dtype":"U8","shape":[3],"data_offsets":[0,3]})", 3)).find("w");
  EXPECT_EQ(bytes_of(view), "xxx");
}

TEST(TensorView, OddOffset_IsNotAligned) {
  const SafetensorsFile file = open_bytes(raw_safetensors(
      R"({"u":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}} )",
      "12345"));
  const bool data_begin_is_aligned = file.find("u")->offset % 4 == 0;
  EXPECT_TRUE(file.find("u")->is_aligned());
  EXPECT_EQ(file.find("w")->is_aligned(), file.find("w")->offset % 4 == 0);
  EXPECT_FALSE(data_begin_is_aligned && file.find("w")->is_aligned());
}

TEST(SafetensorsFile, WrongHeaderLength_IsRefused) {
  expect_refused("", {"too few"});
  expect_refused("1234567", {"too few"});
  expect_refused(std::string(8, '\0'), {"too few"});
  expect_refused(std::string(8, '\0') + "{}", {"does not start with '{'"});
  expect_refused(std::string(16, '\xff'), {"header length 18446744073709551615"});
  std::string file = raw_safetensors("{}", "");
  file[0] = 3;
  expect_refused(file, {"header length 3", "cut short"});
  file[3] = 127;
  expect_refused(file, {"is larger than 100000000"});
  expect_refused(raw_safetensors(" {}", ""), {"does not start with '{'"});
}

TEST(SafetensorsFile, WhatIsNoSafetensors_IsRefused) {
  expect_refused("PK\x03\x04 this is a zip file of some kind", {"no safetensors file"});
  expect_refused("GGUF this is another file format", {"no safetensors file"});
}

TEST(SafetensorsFile, TruncatedAnywhere_IsRefused) {
  const std::string whole = with_tensor(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 8);
  ASSERT_NO_THROW(open_bytes(whole));
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    EXPECT_THROW(open_bytes(whole.substr(0, bytes)), Error) << bytes;
  }
}

TEST(SafetensorsFile, HeaderThatIsNoJson_IsRefused) {
  expect_refused(raw_safetensors("{", ""), {"not valid JSON at byte"});
  expect_refused(raw_safetensors("{}x", ""), {"not valid JSON"});
  expect_refused(raw_safetensors("{} {}", ""), {"not valid JSON"});
  expect_refused(raw_safetensors("{\"\xff\xfe\":{}}", ""), {"not valid JSON", "UTF-8"});
  expect_refused(raw_safetensors("{\"" + std::string(1 << 20, 'a'), ""), {"not valid JSON"});
  expect_refused(raw_safetensors("{\"a\nb\":1}", ""), {"not valid JSON"});
  expect_refused(raw_safetensors("{\"w\":" + std::string(1'000'000, '['), ""), {"got an array"});
  expect_refused(raw_safetensors("{\"w\":1e999}", ""), {"not valid JSON"});
}

TEST(SafetensorsFile, WrongKindOfValue_IsRefused) {
  expect_refused(raw_safetensors(R"({"w":1})", ""), {"\"w\"", "got a number, expected an object"});
  expect_refused(raw_safetensors(R"({"w":null})", ""), {"got null"});
  expect_refused(with_tensor(R"({"dtype":7})", 0), {"dtype: got a number, expected a string"});
  expect_refused(with_tensor(R"({"shape":"2"})", 0), {"shape: got a string, expected an array"});
  expect_refused(with_tensor(R"({"shape":{"a":1}})", 0), {"shape: got an object"});
  expect_refused(with_tensor(R"({"shape":[[1]]})", 0), {"shape: got an array, expected integers"});
  expect_refused(with_tensor(R"({"dtype":["F32"]})", 0), {"dtype: got an array"});
  expect_refused(with_tensor(R"({"shape":[true]})", 0), {"shape: got a boolean"});
}

TEST(SafetensorsFile, IncompleteEntry_IsRefused) {
  expect_refused(with_tensor("{}", 0), {"tensor \"w\": has no dtype"});
  expect_refused(with_tensor(R"({"dtype":"U8","data_offsets":[0,1]})", 1), {"has no shape"});
  expect_refused(with_tensor(R"({"dtype":"U8","shape":[1]})", 1), {"two data_offsets, got 0"});
  expect_refused(with_tensor(R"({"dtype":"U8","shape":[1],"data_offsets":[0]})", 1), {"got 1"});
  expect_refused(with_tensor(R"({"dtype":"U8","shape":[1],"data_offsets":[0,1,2]})", 1),
                 {"data_offsets has more than 2"});
  expect_refused(with_tensor(R"({"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1})", 1),
                 {"unknown field \"x\""});
}

TEST(SafetensorsFile, UnknownDType_IsUnsupportedByName) {
  for (const char* dtype : {"F8_E4M3", "U16", "f32", ""}) {
    expect_refused(
        with_tensor(fmt::format(R"({{"dtype":"{}","shape":[1],"data_offsets":[0,1]}})", dtype), 1),
        {"tensor \"w\"", fmt::format("dtype \"{}\"", dtype)},
        ErrorKind::kUnsupported);
  }
}

TEST(SafetensorsFile, ImpossibleShape_IsRefused) {
  const auto shape = [](std::string_view text) {
    return with_tensor(fmt::format(R"({{"dtype":"F32","shape":{},"data_offsets":[0,4]}})", text),
                       4);
  };
  ASSERT_NO_THROW(open_bytes(shape("[1,1]")));
  expect_refused(shape("[-1]"), {"shape: got a negative number"});
  expect_refused(shape("[1.0]"), {"shape: got a number that is no 64-bit integer"});
  expect_refused(shape("[18446744073709551617]"), {"no 64-bit integer"});
  expect_refused(shape("[18446744073709551615]"), {"too large"});
  expect_refused(shape("[4611686018427387905]"), {"overflows"});  // times 4 is 4 modulo 2^64
  expect_refused(shape("[4294967296,4294967296]"), {"overflows"});
  expect_refused(shape("[4294967296,4294967296,0]"), {"overflows"});
  expect_refused(shape("[2]"), {"hold 4 bytes", "shape [2] of F32 needs 8"});
  expect_refused(shape("[0]"), {"needs 0"});
  std::string ones = "[1";
  for (int i = 0; i < 64; ++i) {
    ones += ",1";
  }
  expect_refused(shape(ones + "]"), {"more than 64"});
}

TEST(SafetensorsFile, OffsetsThatLie_AreRefused) {
  const auto two = [](std::string_view first, std::string_view second, size_t bytes) {
    return raw_safetensors(
        fmt::format(
            R"({{"a":{{"dtype":"U8","shape":[2],"data_offsets":{}}},"b":{{"dtype":"U8","shape":[2],"data_offsets":{}}}}})",
            first,
            second),
        std::string(bytes, 'x'));
  };
  ASSERT_NO_THROW(open_bytes(two("[0,2]", "[2,4]", 4)));
  ASSERT_NO_THROW(open_bytes(two("[2,4]", "[0,2]", 4)));
  expect_refused(two("[0,2]", "[2,4]", 3), {"\"b\"", "reach past the 3 bytes"});
  expect_refused(two("[0,2]", "[1000,1002]", 4), {"reach past"});
  expect_refused(two("[0,2]", "[9223372036854775805,9223372036854775807]", 4), {"reach past"});
  expect_refused(two("[0,2]", "[0,2]", 2), {"\"b\"", "overlap"});
  expect_refused(two("[0,2]", "[1,3]", 3), {"\"b\"", "overlap"});
  expect_refused(two("[0,2]", "[3,5]", 5), {"bytes 2 to 3 before it belong to no tensor"});
  expect_refused(two("[1,3]", "[3,5]", 5), {"bytes 0 to 1"});
  expect_refused(two("[0,2]", "[2,4]", 5), {"the last 1 bytes belong to no tensor"});
  expect_refused(two("[2,0]", "[2,4]", 4), {"\"a\"", "end before they begin"});
  expect_refused(two("[-2,0]", "[0,2]", 2), {"negative"});
}

TEST(SafetensorsFile, DuplicateName_IsRefused) {
  constexpr std::string_view kEntry = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  expect_refused(raw_safetensors(fmt::format(R"({{"w":{0},"w":{0}}})", kEntry), ""),
                 {"\"w\" appears twice"});
  expect_refused(raw_safetensors(fmt::format(R"({{"w":{0},"\u0077":{0}}})", kEntry), ""),
                 {"\"w\" appears twice"});
  expect_refused(with_tensor(R"({"dtype":"U8","dtype":"U8"})", 0), {"\"dtype\" appears twice"});
  expect_refused(raw_safetensors(R"({"__metadata__":{"a":"1","a":"2"}})", ""),
                 {"\"a\" appears twice"});
  std::string many = "{";
  for (int i = 0; i < 1000; ++i) {
    many += fmt::format("\"w{}\":{},", i, kEntry);
  }
  expect_refused(raw_safetensors(many + fmt::format("\"w7\":{}}}", kEntry), ""),
                 {"\"w7\" appears twice"});
}

TEST(SafetensorsFile, UnusableName_IsRefused) {
  constexpr std::string_view kEntry = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  const auto named = [&](std::string_view name) {
    return raw_safetensors(fmt::format(R"({{"{}":{}}})", name, kEntry), "");
  };
  ASSERT_NO_THROW(open_bytes(named("model.\xc3\xa9")));
  expect_refused(named(""), {"is empty"});
  expect_refused(named(R"(a\u000ab)"), {R"("a\x0ab")", "control characters"});
  expect_refused(named(R"(a\u0000b)"), {"control characters"});
  expect_refused(named(std::string(5000, 'n')), {"longer than 4096"});
}

TEST(SafetensorsFile, MetadataThatIsNoStringMap_IsRefused) {
  expect_refused(raw_safetensors(R"({"__metadata__":"pt"})", ""), {"__metadata__", "got a string"});
  expect_refused(raw_safetensors(R"({"__metadata__":[]})", ""), {"got an array"});
  expect_refused(raw_safetensors(R"({"__metadata__":{"k":1}})", ""),
                 {"\"k\": got a number, expected a string"});
  expect_refused(raw_safetensors(R"({"__metadata__":{"k":{"a":"b"}}})", ""), {"got an object"});
}

}  // namespace
}  // namespace linscan
