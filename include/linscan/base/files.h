// Output files that are either whole or absent: written beside their final name, then renamed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace linscan {

// Refuses with advice when `path` exists and `force` is false, or when its folder cannot be
// written.
void require_writable_output(const std::filesystem::path& path, bool force);

// Removes a file, or a folder with all that is in it; links are removed, not followed. What is not
// there is fine. False where something could not be removed. Not std::filesystem::remove_all:
// libtorch exports parts of an older std::filesystem, and a program that is linked to it may end up
// with halves of both.
bool remove_tree(const std::filesystem::path& path);

// Writes `content` to a temporary file in the same folder, syncs it and renames it over `path`.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// A file written in pieces. Appears under its name only at commit(); without it nothing is left
// behind.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, int64_t bytes);                     // at the end
  void write_at(int64_t offset, const void* data, int64_t bytes);  // anywhere
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int fd_ = -1;
  int64_t end_ = 0;
};

// A folder of files (no subfolders) filled beside its final name and renamed at commit(). With
// `force` an existing folder's files of the same names are replaced one by one; files that this run
// does not write are left as they are.
class AtomicFolder {
 public:
  AtomicFolder(std::filesystem::path path, bool force);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  // Where to write meanwhile.
  const std::filesystem::path& staging() const { return staging_; }
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path staging_;
  bool committed_ = false;
};

}  // namespace linscan
