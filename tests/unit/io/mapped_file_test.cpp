#include "linscan/io/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "unit/base/test_files.h"

namespace linscan {
namespace {

using testing::expect_error;
using testing::TemporaryFolder;

int64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  int64_t total = 0;
  int64_t resident = 0;
  in >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

TEST(MappedFile, Content_IsTheFile) {
  const TemporaryFolder folder;
  const auto file = MappedFile::open(folder.write("a", "hello"));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()),
            "hello");
  EXPECT_EQ(file->path(), folder / "a");
}

TEST(MappedFile, EmptyFile_HasNoBytes) {
  const TemporaryFolder folder;
  const auto file = MappedFile::open(folder.write("empty", ""));
  EXPECT_TRUE(file->bytes().empty());
  file->prefetch(0, 0);
  file->release(0, 0);
}

TEST(MappedFile, WriteInPlace_LeavesTheFileAlone) {
  const TemporaryFolder folder;
  const auto path = folder.write("a", "hello");
  const auto file = MappedFile::open(path);
  file->bytes()[0] = std::byte{'j'};
  EXPECT_EQ(file->bytes()[0], std::byte{'j'});
  EXPECT_EQ(testing::content_of(path), "hello");
}

TEST(MappedFile, WhatIsNoRegularFile_IsRefused) {
  const TemporaryFolder folder;
  expect_error(ErrorKind::kInput, {"absent", "cannot be opened"}, [&] {
    MappedFile::open(folder / "absent");
  });
  expect_error(ErrorKind::kInput, {"not a regular file"}, [&] { MappedFile::open(folder.path()); });
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  expect_error(
      ErrorKind::kInput, {"not a regular file"}, [&] { MappedFile::open(folder / "pipe"); });
}

TEST(MappedFile, Release_LowersResidentMemoryAndKeepsContent) {
  constexpr int64_t kBytes = 64 << 20;
  constexpr int64_t kSlack = 4 << 20;  // what else the process may do meanwhile
  const TemporaryFolder folder;
  const auto file = MappedFile::open(folder.write("large", std::string(kBytes, 'x')));
  const int64_t before = resident_bytes();
  file->prefetch(0, kBytes);
  const int64_t loaded = resident_bytes();
  EXPECT_GT(loaded - before, kBytes - kSlack);
  file->release(kBytes / 2, kBytes / 2);
  EXPECT_LT(resident_bytes() - before, kBytes / 2 + kSlack);
  file->release(0, kBytes / 2);
  EXPECT_LT(resident_bytes() - before, kSlack);
  EXPECT_EQ(file->bytes()[0], std::byte{'x'});
  EXPECT_EQ(file->bytes()[kBytes - 1], std::byte{'x'});
}

TEST(MappedFile, ReleaseOfPartOfAPage_KeepsWhatIsBesideIt) {
  const TemporaryFolder folder;
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const auto file = MappedFile::open(folder.write("a", std::string(3 * page, 'x')));
  file->bytes()[page - 1] = std::byte{'1'};      // page 0, partly in the range
  file->bytes()[page] = std::byte{'2'};          // page 1, wholly in the range: reverts
  file->bytes()[2 * page + 9] = std::byte{'3'};  // page 2, outside
  file->release(1, static_cast<int64_t>(2 * page + 5));
  EXPECT_EQ(file->bytes()[page - 1], std::byte{'1'});
  EXPECT_EQ(file->bytes()[page], std::byte{'x'});
  EXPECT_EQ(file->bytes()[2 * page + 9], std::byte{'3'});
}

TEST(MappedFile, BytesMadeOnUse_AreMadeOnceAndOnlyThen) {
  std::atomic<int> made = 0;
  const auto file = MappedFile::make_on_use("origin", 5, [&](std::span<std::byte> bytes) {
    ++made;
    std::ranges::fill(bytes, std::byte{'x'});
  });
  file->release(0, 5);
  EXPECT_EQ(made, 0);
  EXPECT_EQ(file->path(), "origin");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { file->prefetch(0, 5); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(file->bytes().size(), 5u);
  EXPECT_EQ(file->bytes()[4], std::byte{'x'});
  EXPECT_EQ(made, 1);
  const auto empty = MappedFile::make_on_use("origin", 0, [](std::span<std::byte>) {});
  EXPECT_TRUE(empty->bytes().empty());
}

TEST(MappedFile, BytesMadeOnUse_LeaveMemoryAndComeBack) {
  constexpr int64_t kBytes = 64 << 20;
  constexpr int64_t kSlack = 4 << 20;
  const auto file = MappedFile::make_on_use("origin", kBytes, [](std::span<std::byte> bytes) {
    std::ranges::fill(bytes, std::byte{'x'});
  });
  const int64_t before = resident_bytes();
  file->prefetch(0, kBytes);
  EXPECT_GT(resident_bytes() - before, kBytes - kSlack);
  file->release(0, kBytes);
  EXPECT_LT(resident_bytes() - before, kSlack);
  EXPECT_EQ(file->bytes()[0], std::byte{'x'});
  EXPECT_EQ(file->bytes()[kBytes - 1], std::byte{'x'});
}

TEST(MappedFile, BytesMadeOnUse_SayWhereTheyCannotBe) {
  const TemporaryFolder folder;
  const char* old = std::getenv("TMPDIR");
  const std::string restored = old != nullptr ? old : "";
  const auto gone = folder / "gone";
  std::filesystem::create_directory(gone);
  setenv("TMPDIR", gone.c_str(), 1);
  std::filesystem::remove(gone);
  const auto file = MappedFile::make_on_use("origin", 5, [](std::span<std::byte>) {});
  expect_error(ErrorKind::kInput, {"origin", "TMPDIR"}, [&] { file->bytes(); });
  old != nullptr ? setenv("TMPDIR", restored.c_str(), 1) : unsetenv("TMPDIR");
  EXPECT_EQ(file->bytes().size(), 5u);  // once there is a place
}

TEST(MappedFile, RangeOutsideTheFile_IsInternalError) {
  const TemporaryFolder folder;
  const auto file = MappedFile::open(folder.write("a", "hello"));
  const auto refuses = [&](int64_t offset, int64_t bytes) {
    expect_error(ErrorKind::kInternal, {"outside"}, [&] { file->prefetch(offset, bytes); });
    expect_error(ErrorKind::kInternal, {"outside"}, [&] { file->release(offset, bytes); });
  };
  refuses(0, 6);
  refuses(-1, 1);
  refuses(6, 0);
  refuses(5, INT64_MAX);
}

}  // namespace
}  // namespace linscan
