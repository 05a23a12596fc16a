#include "linscan/base/files.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/base/test_files.h"

namespace linscan {
namespace {

using testing::content_of;
using testing::expect_error;
using testing::TemporaryFolder;
using Names = std::vector<std::string>;

TEST(AtomicFile, Committed_HasAllPieces) {
  const TemporaryFolder folder;
  {
    AtomicFile file(folder / "out");
    file.write("head", 4);
    file.write_at(8, "tail", 4);
    file.write_at(4, "body", 4);
    file.write("!", 1);
    EXPECT_FALSE(std::filesystem::exists(folder / "out"));
    file.commit();
  }
  EXPECT_EQ(content_of(folder / "out"), "headbodytail!");
  EXPECT_EQ(folder.names(), Names{"out"});
}

TEST(AtomicFile, NotCommitted_LeavesNothingAndDestroysNothing) {
  const TemporaryFolder folder;
  {
    AtomicFile(folder / "new").write("half", 4);
  }
  EXPECT_EQ(folder.names(), Names{});
  folder.write("old", "precious");
  try {
    AtomicFile file(folder / "old");
    file.write("half", 4);
    throw Interrupted();
  } catch (const Interrupted&) {
  }
  EXPECT_EQ(folder.names(), Names{"old"});
  EXPECT_EQ(content_of(folder / "old"), "precious");
}

TEST(AtomicFile, UnwritablePlace_IsInputError) {
  const TemporaryFolder folder;
  expect_error(ErrorKind::kInput, {"no-such-folder", "cannot be written"}, [&] {
    AtomicFile file(folder / "no-such-folder/out");
  });
}

TEST(AtomicFile, FolderInTheWay_LeavesNothing) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "out");
  expect_error(ErrorKind::kInput, {"cannot be put in place"}, [&] {
    write_file_atomically(folder / "out", "text");
  });
  EXPECT_EQ(folder.names(), Names{"out"});
}

TEST(RequireWritableOutput, ExistingFile_NeedsForce) {
  const TemporaryFolder folder;
  const auto path = folder.write("out", "x");
  expect_error(ErrorKind::kInput, {"exists already", "--force"}, [&] {
    require_writable_output(path, false);
  });
  EXPECT_NO_THROW(require_writable_output(path, true));
  EXPECT_NO_THROW(require_writable_output(folder / "new", false));
  expect_error(ErrorKind::kInput, {"is not a folder"}, [&] {
    require_writable_output(path / "below-a-file", false);
  });
}

TEST(AtomicFolder, Committed_AppearsWhole) {
  const TemporaryFolder folder;
  for (const char* name : {"out", "with-slash/"}) {
    AtomicFolder out(folder / name, false);
    write_file_atomically(out.staging() / "a", "1");
    EXPECT_FALSE(std::filesystem::exists(folder / name));
    out.commit();
    EXPECT_EQ(content_of(folder / name / "a"), "1");
  }
  EXPECT_EQ(folder.names(), (Names{"out", "with-slash"}));
}

TEST(AtomicFolder, NotCommitted_LeavesNothing) {
  const TemporaryFolder folder;
  {
    AtomicFolder out(folder / "out", false);
    write_file_atomically(out.staging() / "a", "1");
  }
  EXPECT_EQ(folder.names(), Names{});
}

TEST(AtomicFolder, ExistingFolder_NeedsForceAndKeepsOtherFiles) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "out");
  folder.write("out/a", "old a");
  folder.write("out/b", "old b");
  expect_error(
      ErrorKind::kInput, {"not empty", "--force"}, [&] { AtomicFolder(folder / "out", false); });
  {
    AtomicFolder out(folder / "out", true);
    write_file_atomically(out.staging() / "a", "new a");
    EXPECT_EQ(content_of(folder / "out/a"), "old a");
    out.commit();
  }
  EXPECT_EQ(content_of(folder / "out/a"), "new a");
  EXPECT_EQ(content_of(folder / "out/b"), "old b");
  EXPECT_EQ(folder.names(), Names{"out"});
}

TEST(RemoveTree, Folder_GoesWithAllInItAndLinksAreNotFollowed) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "tree/inner/empty");
  folder.write("kept", "content");
  folder.write("tree/file", "x");
  folder.write("tree/inner/file", "y");
  std::filesystem::create_symlink(folder / "kept", folder / "tree/inner/link");
  EXPECT_TRUE(remove_tree(folder / "tree"));
  EXPECT_EQ(folder.names(), Names{"kept"});
  EXPECT_TRUE(remove_tree(folder / "absent"));
  EXPECT_TRUE(remove_tree(folder / "kept"));
  EXPECT_EQ(folder.names(), Names{});
}

TEST(AtomicFolder, FileInTheWay_IsRefused) {
  const TemporaryFolder folder;
  folder.write("out", "file");
  expect_error(ErrorKind::kInput, {"is not a folder"}, [&] { AtomicFolder(folder / "out", true); });
  EXPECT_EQ(folder.names(), Names{"out"});
}

}  // namespace
}  // namespace linscan
