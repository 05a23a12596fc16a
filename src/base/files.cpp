#include "linscan/base/files.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "linscan/base/error.h"

namespace linscan {
namespace fs = std::filesystem;
namespace {

fs::path folder_of(const fs::path& path) {
  const fs::path parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

std::string temporary_suffix() {
  return ".tmp-" + std::to_string(getpid());
}

// What to do about a failed write, where that is known.
std::string_view advice(int error) {
  const bool is_full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return is_full ? "; make room or write elsewhere, nothing half-written is kept" : "";
}

void require_writable_folder(const fs::path& folder, const fs::path& output) {
  // The folder itself may be made by us: what counts is the first ancestor that exists.
  fs::path existing = folder;
  while (!existing.empty() && !fs::exists(existing)) {
    existing = existing.has_parent_path() ? existing.parent_path() : fs::path(".");
  }
  if (!fs::is_directory(existing)) {
    fail_input("{}: cannot be written: {} is not a folder", output.string(), existing.string());
  }
  if (access(existing.c_str(), W_OK) != 0) {
    fail_input("{}: cannot be written: folder {}: {}",
               output.string(),
               existing.string(),
               std::strerror(errno));
  }
}

}  // namespace

void require_writable_output(const fs::path& path, bool force) {
  if (fs::exists(path) && !force) {
    fail_input("{}: exists already; choose another name or pass --force to replace it",
               path.string());
  }
  require_writable_folder(folder_of(path), path);
}

bool remove_tree(const fs::path& path) {
  constexpr int kOpenFolders = 16;
  const auto remove_one = [](const char* name, const struct stat*, int, struct FTW*) {
    return ::remove(name) == 0 || errno == ENOENT ? 0 : -1;
  };
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) {
    return errno == ENOENT;
  }
  return nftw(path.c_str(), remove_one, kOpenFolders, FTW_DEPTH | FTW_PHYS) == 0;
}

void write_file_atomically(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content.data(), static_cast<int64_t>(content.size()));
  file.commit();
}

AtomicFile::AtomicFile(fs::path path)
    : path_(std::move(path)), temporary_(path_.string() + temporary_suffix()) {
  fd_ = open(temporary_.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
  if (fd_ < 0) {
    fail_input("{}: cannot be written: {}", path_.string(), std::strerror(errno));
  }
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) {
    close(fd_);
    unlink(temporary_.c_str());
  }
}

void AtomicFile::write(const void* data, int64_t bytes) {
  write_at(end_, data, bytes);
}

void AtomicFile::write_at(int64_t offset, const void* data, int64_t bytes) {
  const char* from = static_cast<const char*>(data);
  const int64_t stop = offset + bytes;
  while (offset < stop) {
    const ssize_t done = pwrite(fd_, from, static_cast<size_t>(stop - offset), offset);
    if (done < 0 && errno == EINTR) {
      continue;
    }
    if (done <= 0) {
      const int error = errno;
      fail_input("{}: writing failed at byte {}: {}{}",
                 path_.string(),
                 offset,
                 std::strerror(error),
                 advice(error));
    }
    from += done;
    offset += done;
  }
  end_ = std::max(end_, stop);
}

void AtomicFile::commit() {
  int error = fsync(fd_) == 0 ? 0 : errno;
  if (close(std::exchange(fd_, -1)) != 0 && error == 0) {
    error = errno;
  }
  if (error != 0) {
    unlink(temporary_.c_str());
    fail_input("{}: writing failed: {}{}", path_.string(), std::strerror(error), advice(error));
  }
  if (rename(temporary_.c_str(), path_.c_str()) != 0) {
    error = errno;
    unlink(temporary_.c_str());
    fail_input("{}: cannot be put in place: {}", path_.string(), std::strerror(error));
  }
}

AtomicFolder::AtomicFolder(fs::path path, bool force) : path_(std::move(path)) {
  if (path_.filename().empty()) {
    path_ = path_.parent_path();  // "out/" names the folder "out"
  }
  if (fs::exists(path_)) {
    LINSCAN_CHECK(
        fs::is_directory(path_), kInput, "{}: exists and is not a folder", path_.string());
    if (!fs::is_empty(path_) && !force) {
      fail_input("{}: exists and is not empty; choose another folder or pass --force",
                 path_.string());
    }
  }
  require_writable_folder(folder_of(path_), path_);
  staging_ = path_.string() + temporary_suffix();
  std::error_code ec;
  remove_tree(staging_);
  fs::create_directories(staging_, ec);
  if (ec) {
    fail_input("{}: cannot be made: {}", staging_.string(), ec.message());
  }
}

AtomicFolder::~AtomicFolder() {
  if (!committed_) {
    remove_tree(staging_);
  }
}

void AtomicFolder::commit() {
  std::error_code ec;
  if (!fs::exists(path_)) {
    fs::rename(staging_, path_, ec);
  } else {
    for (const auto& entry : fs::directory_iterator(staging_)) {
      fs::rename(entry.path(), path_ / entry.path().filename(), ec);
      if (ec) {
        break;
      }
    }
    if (!ec) {
      fs::remove(staging_, ec);
    }
  }
  if (ec) {
    fail_input("{}: cannot be put in place: {}", path_.string(), ec.message());
  }
  committed_ = true;
}

}  // namespace linscan
