// What the writer refuses, and what is left when it fails: nothing.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "linscan/base/interrupt.h"
#include "linscan/io/checkpoint.h"
#include "linscan/io/checkpoint_writer.h"
#include "unit/io/test_checkpoints.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;
using testing::expect_equal;
using testing::expect_error;
using testing::kTwo;
using testing::make_source;
using testing::names_in;
using testing::TemporaryFolder;
using testing::write_all;
using testing::write_vectors;
using Names = std::vector<std::string>;

constexpr const char* kIndex = "model.safetensors.index.json";

// A file system of 64 KiB, where the system lets us mount one.
class SmallDisk {
 public:
  explicit SmallDisk(const fs::path& path) : path_(path) {
    fs::create_directory(path);
    error_ = mount("tmpfs", path.c_str(), "tmpfs", 0, "size=64k") == 0 ? 0 : errno;
  }
  ~SmallDisk() {
    if (error_ == 0) {
      umount(path_.c_str());
    }
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  int error() const { return error_; }

 private:
  fs::path path_;
  int error_ = 0;
};

TEST(CheckpointWriter, WrongUse_IsAnInternalErrorAndLeavesNothing) {
  const TemporaryFolder folder;
  const auto refuses = [&](std::vector<TensorEntry> entries,
                           const CheckpointWriterOptions& options,
                           const char* part) {
    expect_error(ErrorKind::kInternal, {part}, [&] {
      CheckpointWriter(folder / "out", std::move(entries), options);
    });
  };
  refuses({{"a", DType::kU8, {1}}, {"a", DType::kU8, {1}}}, {.max_shard_bytes = 1}, "listed twice");
  refuses({{"a", DType::kU8, {-1}}}, {}, "impossible shape");
  refuses({{"a", DType::kU8, {INT64_MAX}}, {"b", DType::kU8, {1}}}, {}, "exceed 63 bits");
  refuses({{"__metadata__", DType::kU8, {1}}}, {}, "is reserved");
  refuses(kTwo, {.max_shard_bytes = 0}, "holds nothing");
  refuses(kTwo, {.aliases = {{"x", "y"}}}, "cannot stand for");
  refuses(kTwo, {.aliases = {{"a", "b"}}}, "cannot stand for");
  refuses(kTwo, {.metadata = {{"x", "1"}}, .aliases = {{"x", "b"}}}, "already");
  {
    CheckpointWriter writer(folder / "out", kTwo, {.max_shard_bytes = 16});
    const auto fails = [&](const char* part, const std::function<void()>& action) {
      expect_error(ErrorKind::kInternal, {part}, action);
    };
    writer.write("a", 0, "0123456789abcdef", 16);
    fails("not among the entries", [&] { writer.write("c", 0, "x", 1); });
    fails("written twice", [&] { writer.write("a", 0, "x", 1); });
    fails("outside", [&] { writer.write("b", 15, "xy", 2); });
    fails("-1 bytes", [&] { writer.write("b", 0, "xy", -1); });
    for (const char* name : {"", "..", "x/y", "config.json", "model.safetensors", kIndex}) {
      fails("cannot name", [&] { writer.add_file(name, ""); });
    }
    writer.add_file("plan.json", "");
    fails("added twice", [&] { writer.add_file("plan.json", ""); });
    fails("byte 0 of 16 was never written", [&] { writer.commit(Json::object()); });
  }
  EXPECT_EQ(folder.names(), Names{});
}

TEST(CheckpointWriter, ExistingCheckpoint_IsReplacedWithForceOnly) {
  const TemporaryFolder folder;
  make_source(folder);
  fs::create_directory(folder / "out");
  folder.write("out/config.json", "{}");
  write_vectors(folder / "out/model-00001-of-00002.safetensors", {"stale"});
  expect_error(
      ErrorKind::kInput, {"out", "--force"}, [&] { CheckpointWriter(folder / "out", kTwo); });
  CheckpointWriterOptions options{.source = folder / "source", .force = true};
  {
    CheckpointWriter writer(folder / "out", kTwo, options);
    write_all(writer, kTwo);
  }
  EXPECT_EQ(names_in(folder / "out"), (Names{"config.json", "model-00001-of-00002.safetensors"}));
  CheckpointWriter writer(folder / "out", kTwo, options);
  write_all(writer, kTwo);
  writer.commit(read_json_file(folder / "source/config.json"));
  EXPECT_EQ(names_in(folder / "out"), (Names{"config.json", "model.safetensors"}));
  expect_equal(Checkpoint::open(folder / "out"), kTwo);
  EXPECT_EQ(folder.names(), (Names{"out", "source"}));
}

TEST(CheckpointWriter, SourceAsOutput_IsRefusedEvenWithForce) {
  const TemporaryFolder folder;
  make_source(folder);
  for (const char* out : {"source", "source/out"}) {
    expect_error(ErrorKind::kInput, {"the folder that is read"}, [&] {
      CheckpointWriter(folder / out, kTwo, {.source = folder / "source", .force = true});
    });
  }
  EXPECT_EQ(names_in(folder / "source"), (Names{"config.json", "model.safetensors"}));
}

TEST(CheckpointWriter, UnusableSource_IsRefusedAtOnce) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "source");
  const auto refuses = [&](const std::vector<std::string>& parts) {
    expect_error(ErrorKind::kInput, parts, [&] {
      CheckpointWriter(folder / "out", kTwo, {.source = folder / "source"});
    });
    EXPECT_EQ(folder.names(), Names{"source"});
  };
  refuses({"source/config.json", "no such file"});
  folder.write("source/config.json", "[]");
  refuses({"source/config.json", "no JSON object"});
  folder.write("source/config.json", "{");
  refuses({"source/config.json", "not valid JSON"});
  folder.write("source/config.json", "{}");
  fs::create_symlink("gone", folder / "source/tokenizer.json");
  refuses({"tokenizer.json", "no regular file"});
}

TEST(CheckpointWriter, MoreThanTheDiskHolds_IsRefusedAtOnce) {
  const TemporaryFolder folder;
  expect_error(ErrorKind::kInput, {"out: the weights need", "left"}, [&] {
    CheckpointWriter(folder / "out", {{"a", DType::kU8, {int64_t{1} << 60}}});
  });
  EXPECT_EQ(folder.names(), Names{});
}

TEST(CheckpointWriter, FailingWrite_LeavesNothing) {
  const TemporaryFolder folder;
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 4096, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  {
    const std::vector<TensorEntry> entries = {{"a", DType::kU8, {1000}}, {"b", DType::kU8, {5000}}};
    CheckpointWriter writer(folder / "out", entries, {.max_shard_bytes = 1000});
    expect_error(ErrorKind::kInput,
                 {"model-00001-of-00002.safetensors", "File too large", "room"},
                 [&] { write_all(writer, entries); });
  }
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(folder.names(), Names{});
}

TEST(CheckpointWriter, FullDisk_LeavesNothing) {
  const TemporaryFolder folder;
  const SmallDisk disk(folder / "disk");
  if (disk.error() != 0) {
    GTEST_SKIP() << "a small file system cannot be mounted here: " << std::strerror(disk.error());
  }
  {
    CheckpointWriter writer(folder / "disk/out", kTwo);
    write_all(writer, kTwo);
    writer.add_file("tokenizer.json", std::string(100'000, 'x'));
    expect_error(ErrorKind::kInput, {"tokenizer.json", "No space left on device", "room"}, [&] {
      writer.commit(Json::object());
    });
  }
  EXPECT_EQ(names_in(folder / "disk"), Names{});
}

TEST(CheckpointWriter, MountPoint_IsRefusedAtOnce) {
  const TemporaryFolder folder;
  const SmallDisk disk(folder / "disk");
  if (disk.error() != 0) {
    GTEST_SKIP() << "a small file system cannot be mounted here: " << std::strerror(disk.error());
  }
  expect_error(
      ErrorKind::kInput, {"is a mount point"}, [&] { CheckpointWriter(folder / "disk", kTwo); });
  EXPECT_EQ(folder.names(), Names{"disk"});
}

// In a process of its own, because the interrupt flag cannot be taken back.
TEST(CheckpointWriterDeathTest, Interrupted_LeavesNothing) {
  const TemporaryFolder folder;
  const auto interrupted_run = [&] {
    install_interrupt_handlers();
    try {
      CheckpointWriter writer(folder / "out", kTwo, {.max_shard_bytes = 16});
      writer.write("b", 0, "0123456789abcdef", 16);
      std::raise(SIGINT);
      writer.write("a", 0, "0123456789abcdef", 16);
    } catch (const Interrupted&) {
      std::exit(folder.names().empty() ? 42 : 1);
    }
    std::exit(2);
  };
  EXPECT_EXIT(interrupted_run(), ::testing::ExitedWithCode(42), "");
  EXPECT_EQ(folder.names(), Names{});
}

}  // namespace
}  // namespace linscan
