#include "io/staged_folder.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "linscan/base/files.h"
#include "unit/base/test_files.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;
using testing::content_of;
using testing::expect_error;
using testing::TemporaryFolder;
using Names = std::vector<std::string>;

// The folder `name` with these files, each with its own name as content.
void make(const TemporaryFolder& folder, const std::string& name, const Names& files) {
  fs::create_directories(folder / name);
  for (const std::string& file : files) {
    folder.write(name + "/" + file, file);
  }
}

void expect_refused(const fs::path& path, bool force, const std::vector<std::string>& parts) {
  expect_error(ErrorKind::kInput, parts, [&] { StagedFolder(path, force); });
}

TEST(StagedFolder, Committed_AppearsWholeWithTheFoldersAbove) {
  const TemporaryFolder folder;
  StagedFolder out(folder / "a/b/out/", false);
  write_file_atomically(out.staging() / "x", "1");
  EXPECT_FALSE(fs::exists(folder / "a/b/out"));
  EXPECT_EQ(out.target(), fs::canonical(folder.path()) / "a/b/out");
  out.commit();
  EXPECT_EQ(content_of(folder / "a/b/out/x"), "1");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "a/b"), {}), 1);
}

TEST(StagedFolder, NotCommitted_LeavesNothing) {
  const TemporaryFolder folder;
  make(folder, "here", {});
  {
    StagedFolder(folder / "here/a/b/out", false);
  }
  EXPECT_EQ(folder.names(), Names{"here"});
  EXPECT_TRUE(fs::is_empty(folder / "here"));
}

TEST(StagedFolder, FoldersMadeButUsedByOthers_Stay) {
  const TemporaryFolder folder;
  {
    const StagedFolder out(folder / "a/out", false);
    folder.write("a/other", "");
  }
  EXPECT_TRUE(fs::exists(folder / "a/other"));
}

TEST(StagedFolder, TwoAtOnce_DoNotShareAStagingFolder) {
  const TemporaryFolder folder;
  StagedFolder one(folder / "out", false);
  StagedFolder two(folder / "out", false);
  EXPECT_NE(one.staging(), two.staging());
  write_file_atomically(one.staging() / "x", "1");
  write_file_atomically(two.staging() / "x", "2");
  two.commit();
  expect_error(ErrorKind::kInput, {"not empty"}, [&] { one.commit(); });
  EXPECT_EQ(content_of(folder / "out/x"), "2");
}

TEST(StagedFolder, EmptyFolder_NeedsNoForce) {
  const TemporaryFolder folder;
  make(folder, "out", {});
  StagedFolder out(folder / "out", false);
  write_file_atomically(out.staging() / "x", "1");
  out.commit();
  EXPECT_EQ(content_of(folder / "out/x"), "1");
  EXPECT_EQ(folder.names(), Names{"out"});
}

TEST(StagedFolder, Checkpoint_NeedsForceAndIsReplacedWhole) {
  const TemporaryFolder folder;
  const Names files = {"config.json", "model-00001-of-00001.safetensors", "notes.md"};
  make(folder, "out", files);
  expect_refused(folder / "out", false, {"out: exists and is not empty", "--force"});
  StagedFolder out(folder / "out", true);
  write_file_atomically(out.staging() / "config.json", "new");
  EXPECT_EQ(content_of(folder / "out/config.json"), "config.json");
  out.commit();
  EXPECT_EQ(content_of(folder / "out/config.json"), "new");
  EXPECT_FALSE(fs::exists(folder / "out/notes.md"));
  EXPECT_EQ(folder.names(), Names{"out"});
}

TEST(StagedFolder, CheckpointToReplaceWithoutCommit_Stays) {
  const TemporaryFolder folder;
  make(folder, "out", {"config.json", "pytorch_model.bin"});
  {
    const StagedFolder out(folder / "out", true);
    write_file_atomically(out.staging() / "config.json", "new");
  }
  EXPECT_EQ(content_of(folder / "out/config.json"), "config.json");
  EXPECT_EQ(folder.names(), Names{"out"});
}

TEST(StagedFolder, AnythingElse_IsNotReplacedEvenWithForce) {
  const TemporaryFolder folder;
  make(folder, "home", {"config.json", "model.safetensors"});
  make(folder, "home/documents", {});
  make(folder, "training", {"config.json", "model.safetensors", "optimizer.pt"});
  make(folder, "weights", {"model.safetensors"});
  make(folder, "configs", {"config.json", "tokenizer.json"});
  folder.write("file", "x");
  fs::create_directory_symlink(folder / "nowhere", folder / "link");
  expect_refused(folder / "home", true, {"not replaced even with --force", "documents"});
  expect_refused(folder / "training", true, {"also holds optimizer.pt"});
  expect_refused(folder / "weights", true, {"no config.json"});
  expect_refused(folder / "configs", true, {"no weights"});
  expect_refused(folder / "file", true, {"is not a folder"});
  expect_refused(folder / "file/below", true, {"file/below"});
  expect_refused(folder / "link", true, {"symbolic link"});
  expect_refused("/", true, {"name a folder inside it"});
  expect_refused("/proc", true, {"mount point"});
  expect_refused("", true, {"empty"});
  EXPECT_EQ(folder.names(), (Names{"configs", "file", "home", "link", "training", "weights"}));
}

// Lets this process believe that the file system cannot exchange two names, as NFS cannot.
void refuse_exchange() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[4])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, RENAME_EXCHANGE, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter = {.len = std::size(program), .filter = program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    std::exit(3);
  }
}

TEST(StagedFolderDeathTest, FileSystemWithoutExchange_ReplacesInTwoSteps) {
  const TemporaryFolder folder;
  make(folder, "out", {"config.json", "model.safetensors"});
  const auto replacing_run = [&] {
    refuse_exchange();
    StagedFolder out(folder / "out", true);
    write_file_atomically(out.staging() / "config.json", "new");
    out.commit();
    std::exit(42);
  };
  EXPECT_EXIT(replacing_run(), ::testing::ExitedWithCode(42), "");
  EXPECT_EQ(content_of(folder / "out/config.json"), "new");
  EXPECT_FALSE(fs::exists(folder / "out/model.safetensors"));
  EXPECT_EQ(folder.names(), Names{"out"});
}

TEST(StagedFolderDeathTest, SecondStepFails_PutsTheOldFolderBack) {
  const TemporaryFolder folder;
  if (mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=64k") != 0) {
    GTEST_SKIP() << "nothing can be mounted here: " << std::strerror(errno);
  }
  umount(folder.path().c_str());
  make(folder, "out", {"config.json", "model.safetensors"});
  const auto failing_run = [&] {
    refuse_exchange();
    StagedFolder out(folder / "out", true);
    // What is mounted cannot be renamed.
    mount("tmpfs", out.staging().c_str(), "tmpfs", 0, "size=64k");
    std::string message;
    try {
      out.commit();
    } catch (const Error& e) {
      message = e.what();
    }
    umount(out.staging().c_str());
    fs::remove(out.staging());
    std::exit(message.ends_with("cannot be put in place: Device or resource busy") ? 42 : 1);
  };
  EXPECT_EXIT(failing_run(), ::testing::ExitedWithCode(42), "");
  EXPECT_EQ(content_of(folder / "out/config.json"), "config.json");
  EXPECT_EQ(content_of(folder / "out/model.safetensors"), "model.safetensors");
  EXPECT_EQ(folder.names(), Names{"out"});
}

TEST(StagedFolder, FolderFilledMeanwhile_IsNotReplaced) {
  const TemporaryFolder folder;
  StagedFolder out(folder / "out", false);
  make(folder, "out", {"thesis.tex"});
  expect_error(ErrorKind::kInput, {"not empty"}, [&] { out.commit(); });
  EXPECT_EQ(content_of(folder / "out/thesis.tex"), "thesis.tex");
}

TEST(StagedFolder, LinkToAFolder_IsFollowedAndStays) {
  const TemporaryFolder folder;
  make(folder, "disk/out", {"config.json", "model.safetensors"});
  fs::create_directory_symlink(folder / "disk/out", folder / "link");
  StagedFolder out(folder / "link", true);
  write_file_atomically(out.staging() / "config.json", "new");
  out.commit();
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(content_of(folder / "disk/out/config.json"), "new");
}

TEST(RequireApart, SourceInAnyGuise_IsRefused) {
  const TemporaryFolder folder;
  make(folder, "cache/blobs", {"1234"});
  make(folder, "source", {"config.json"});
  fs::create_symlink(folder / "cache/blobs/1234", folder / "source/model.safetensors");
  fs::create_symlink(folder / "gone", folder / "source/broken");
  fs::create_directory_symlink(folder / "source", folder / "link");
  const auto refuses = [&](const char* output, const char* part) {
    expect_error(
        ErrorKind::kInput, {part}, [&] { require_apart(folder / output, folder / "source"); });
  };
  refuses("source", "is the folder that is read");
  refuses("source/", "is the folder that is read");
  refuses("cache/../source/.", "is the folder that is read");
  refuses("link", "is the folder that is read");
  refuses("source/new/out", "must not lie inside");
  refuses("link/new", "must not lie inside");
  refuses(".", "nor around it");
  refuses("cache/blobs", "links to");
  refuses("cache", "links to");
  EXPECT_NO_THROW(require_apart(folder / "source-2", folder / "source"));
  EXPECT_NO_THROW(require_apart(folder / "cache/new", folder / "source"));
  EXPECT_NO_THROW(require_apart(folder / "cache/blobs/new", folder / "source"));
  expect_error(
      ErrorKind::kInput, {"none"}, [&] { require_apart(folder / "out", folder / "none"); });
}

}  // namespace
}  // namespace linscan
