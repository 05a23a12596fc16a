#include "io/zip_archive.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/base/test_files.h"
#include "unit/io/test_torch_file.h"

namespace linscan {
namespace {

using testing::expect_error;
using testing::le;
using testing::zip;
using testing::ZipOptions;
using testing::ZipRecord;

std::string content_of(const std::string& bytes, const ZipArchive& archive, std::string_view name) {
  const auto range = archive.find(name);
  return range ? bytes.substr(static_cast<size_t>(range->offset), static_cast<size_t>(range->bytes))
               : "absent";
}

void expect_refused(const std::string& bytes, const std::string& part) {
  expect_error(ErrorKind::kInput, {"file", part}, [&] {
    const ZipArchive archive(bytes, "file");
    for (const std::string_view name : archive.names()) {
      archive.find(name);
    }
  });
}

// `bytes` with `replacement` at the place of the last `signature` plus `offset`.
std::string changed(std::string bytes,
                    std::string_view signature,
                    size_t offset,
                    const std::string& replacement) {
  return bytes.replace(bytes.rfind(signature) + offset, replacement.size(), replacement);
}

TEST(ZipArchive, Records_AreFoundWhereTheyLie) {
  for (const ZipOptions& options : {ZipOptions{}, ZipOptions{.zip64 = true}}) {
    const std::string bytes = zip({{"b", "second"}, {"a", "first"}, {"c/d", ""}}, options);
    const ZipArchive archive(bytes, "file");
    EXPECT_EQ(archive.names(), (std::vector<std::string_view>{"a", "b", "c/d"}));
    EXPECT_EQ(content_of(bytes, archive, "a"), "first");
    EXPECT_EQ(content_of(bytes, archive, "b"), "second");
    EXPECT_EQ(content_of(bytes, archive, "c/d"), "");
    EXPECT_EQ(archive.find("c"), std::nullopt);
    EXPECT_EQ(archive.find("b")->offset % 64, 0);
  }
}

TEST(ZipArchive, NoRecords_IsValid) {
  EXPECT_TRUE(ZipArchive(zip({}), "file").names().empty());
}

TEST(ZipArchive, DuplicateName_IsRefused) {
  expect_refused(zip({{"a", "x"}, {"a", "y"}}), "two zip records are named \"a\"");
}

TEST(ZipArchive, DamagedEnd_IsRefused) {
  const std::string bytes = zip({{"a", "x"}});
  expect_refused("", "no end of a zip file");
  expect_refused(bytes.substr(0, bytes.size() - 1), "no end of a zip file");
  expect_refused(bytes + "x", "no end of a zip file");
  expect_refused(changed(bytes, "PK\5\6", 10, le<uint16_t>(2)), "2 zip records do not fit");
  expect_refused(changed(bytes, "PK\5\6", 12, le<uint32_t>(1000)), "outside the file");
  expect_refused(changed(bytes, "PK\5\6", 16, le<uint32_t>(0xffffff)), "outside the file");
  expect_refused(changed(bytes, "PK\5\6", 16, le<uint32_t>(0)), "is damaged");
}

TEST(ZipArchive, DamagedEnd64_IsRefused) {
  const std::string bytes = zip({{"a", "x"}}, {.zip64 = true});
  expect_refused(changed(bytes, "PK\6\7", 8, le<uint64_t>(UINT64_MAX)), "ZIP64 end record");
  expect_refused(changed(bytes, "PK\6\7", 8, le<uint64_t>(0)), "no ZIP64 end record at byte 0");
  expect_refused(changed(bytes, "PK\6\6", 32, le<uint64_t>(UINT64_MAX)), "records do not fit");
  expect_refused(changed(bytes, "PK\6\6", 40, le<uint64_t>(UINT64_MAX)), "outside the file");
  expect_refused(changed(bytes, "PK\6\6", 48, le<uint64_t>(UINT64_MAX)), "outside the file");
}

TEST(ZipArchive, EntryThatLies_IsRefused) {
  const std::string bytes = zip({{"a", "x"}});
  expect_refused(changed(bytes, "PK\1\2", 28, le<uint16_t>(1000)), "cut short");
  expect_refused(changed(bytes, "PK\1\2", 42, le<uint32_t>(5)), "is not at byte 5");
  expect_refused(changed(bytes, "PK\1\2", 42, le<uint32_t>(0xfffff)), "outside the file's data");
  expect_refused(changed(bytes, "PK\1\2", 20, le<uint64_t>(0x0000100000001000)), "reaches past");
  expect_refused(changed(bytes, "PK\1\2", 46, "b"), "is not at byte 0");
  expect_refused(changed(bytes, "PK\3\4", 28, le<uint16_t>(0xffff)), "cut short");
}

TEST(ZipArchive, NumbersOfTheExtraField_AreChecked) {
  const std::string bytes = zip({{"a", "x"}}, {.zip64 = true});
  const size_t extra = 46 + 1 + 4;
  expect_refused(
      changed(bytes, "PK\1\2", extra, le<uint64_t>(UINT64_MAX) + le<uint64_t>(UINT64_MAX)),
      "reaches past");
  expect_refused(changed(bytes, "PK\1\2", extra + 16, le<uint64_t>(UINT64_MAX)),
                 "outside the file's data");
  expect_refused(changed(bytes, "PK\1\2", extra - 2, le<uint16_t>(8)), "cut short");
  // Another field: the sizes in the header are meant as they are.
  expect_refused(changed(bytes, "PK\1\2", extra - 4, le<uint16_t>(9)), "outside the file's data");
}

}  // namespace
}  // namespace linscan
