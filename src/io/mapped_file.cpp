#include "linscan/io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include "base/descriptor.h"
#include "linscan/base/error.h"

namespace linscan {
namespace {

int64_t page_size() {
  static const int64_t size = sysconf(_SC_PAGESIZE);
  return size;
}

int64_t round_down_to_page(int64_t offset) {
  return offset / page_size() * page_size();
}

int64_t round_up_to_page(int64_t offset) {
  return round_down_to_page(offset + page_size() - 1);
}

// An unlinked temporary file with room for `bytes` bytes made from the file `origin`.
int open_temporary(int64_t bytes, const std::string& origin) {
  std::error_code ec;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(ec);
  LINSCAN_CHECK(!ec,
                kInput,
                "{}: a tensor must be copied, but there is no folder for temporary files: {}; set "
                "TMPDIR to a folder that can be written",
                origin,
                ec.message());
  std::string name = (folder / "linscan-tensor-XXXXXX").string();
  const int fd = mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) {
    fail_input(
        "{}: a tensor must be copied, but no file can be made in {}: {}; set TMPDIR to a "
        "folder that can be written",
        origin,
        folder.string(),
        std::strerror(errno));
  }
  unlink(name.c_str());
  // Room now: a write to a mapped page that the disk has no room for would end the process.
  if (const int error = posix_fallocate(fd, 0, bytes); error != 0) {
    close(fd);
    fail_input(
        "{}: a tensor must be copied, but there is no room for its {} bytes in {}: {}; set "
        "TMPDIR to a folder with more room",
        origin,
        bytes,
        folder.string(),
        std::strerror(error));
  }
  return fd;
}

}  // namespace

// What MappedFile::make needs, and that it has been done.
struct MappedFile::Pending {
  std::function<void(std::span<std::byte>)> fill;
  std::once_flag once;
  std::atomic<bool> made = false;
};

std::shared_ptr<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  // O_NONBLOCK: opening a pipe must fail below instead of waiting for a writer.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) {
    fail_input("{}: cannot be opened: {}", path.string(), std::strerror(errno));
  }
  struct stat status{};
  if (fstat(file.fd, &status) != 0) {
    fail_input("{}: cannot be read: {}", path.string(), std::strerror(errno));
  }
  LINSCAN_CHECK(S_ISREG(status.st_mode), kInput, "{}: is not a regular file", path.string());
  const auto size = static_cast<size_t>(status.st_size);
  void* data = nullptr;
  if (size > 0) {
    // NORESERVE: without it the kernel refuses a writable private mapping larger than memory and
    // swap.
    data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.fd, 0);
    if (data == MAP_FAILED) {
      fail_input("{}: cannot be mapped into memory ({} bytes): {}",
                 path.string(),
                 size,
                 std::strerror(errno));
    }
  }
  return std::shared_ptr<MappedFile>(new MappedFile(path, static_cast<std::byte*>(data), size));
}

std::shared_ptr<MappedFile> MappedFile::make_on_use(
    std::filesystem::path path, int64_t bytes, std::function<void(std::span<std::byte>)> fill) {
  std::shared_ptr<MappedFile> file(
      new MappedFile(std::move(path), nullptr, static_cast<size_t>(bytes)));
  file->pending_ = std::make_unique<Pending>();
  file->pending_->fill = std::move(fill);
  return file;
}

void MappedFile::make() const {
  std::call_once(pending_->once, [this] {
    if (size_ > 0 && data_ == nullptr) {
      const Descriptor file{open_temporary(static_cast<int64_t>(size_), path_.string())};
      void* data = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd, 0);
      if (data == MAP_FAILED) {
        fail_input("{}: the copy of a tensor of {} bytes cannot be mapped into memory: {}",
                   path_.string(),
                   size_,
                   std::strerror(errno));
      }
      data_ = static_cast<std::byte*>(data);
    }
    pending_->fill({data_, size_});
    pending_->made = true;
  });
}

MappedFile::MappedFile(std::filesystem::path path, std::byte* data, size_t size)
    : path_(std::move(path)), data_(data), size_(size) {}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    munmap(data_, size_);
  }
}

void MappedFile::prefetch(int64_t offset, int64_t bytes) const {
  require_range(offset, bytes);
  if (pending_ != nullptr) {
    make();
  }
  if (bytes == 0) {
    return;
  }
  const int64_t begin = round_down_to_page(offset);
  const int64_t end = offset + bytes;
  // Advice only: where it is not taken, the touches below read page by page.
  madvise(data_ + begin, static_cast<size_t>(end - begin), MADV_WILLNEED);
  for (int64_t at = begin; at < end; at += page_size()) {
    static_cast<void>(*static_cast<const volatile std::byte*>(data_ + at));
  }
}

void MappedFile::read_pages_alone(bool on) const {
  if (data_ != nullptr) {
    madvise(data_, size_, on ? MADV_RANDOM : MADV_NORMAL);
  }
}

void MappedFile::release(int64_t offset, int64_t bytes) const {
  require_range(offset, bytes);
  if (pending_ != nullptr && !pending_->made) {
    return;
  }
  const auto size = static_cast<int64_t>(size_);
  const int64_t begin = round_up_to_page(offset);
  // What lies behind the end of the file belongs to nobody: the last page counts as whole.
  const int64_t end = offset + bytes == size ? size : round_down_to_page(offset + bytes);
  if (begin < end) {
    madvise(data_ + begin, static_cast<size_t>(end - begin), MADV_DONTNEED);
  }
}

void MappedFile::require_range(int64_t offset, int64_t bytes) const {
  const auto size = static_cast<int64_t>(size_);
  LINSCAN_CHECK(offset >= 0 && bytes >= 0 && offset <= size && bytes <= size - offset,
                kInternal,
                "{}: range of {} bytes at {} is outside the file of {} bytes",
                path_.string(),
                bytes,
                offset,
                size);
}

}  // namespace linscan
