// A file mapped into memory: weights are used where they lie, and leave memory again when a block
// is done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>

namespace linscan {

// A private copy-on-write mapping of a whole file. Held by shared_ptr, so that a view of it (a
// tensor) keeps it alive; the file descriptor is closed at once, so thousands of files may be open.
//
// The mapping is writable: an in-place operation on a view changes this process's copy of the page
// and never the file, where a read-only mapping would end the process with a signal. No memory or
// swap is reserved for such copies, so a file may be larger than the machine's memory.
//
// The file must not be made shorter while it is mapped: the kernel answers a read past the new end
// with SIGBUS.
class MappedFile {
 public:
  // Throws Error(kInput) for anything but a readable regular file. An empty file gives an empty
  // span.
  static std::shared_ptr<MappedFile> open(const std::filesystem::path& path);

  // `bytes` bytes that `fill` makes when they are first asked for, in an unlinked temporary file
  // (TMPDIR): they take no memory before and can leave it again, as those of a mapped file. `path`
  // is what path() says: the file they were made from. Where the temporary file cannot be written,
  // the first use throws Error(kInput).
  static std::shared_ptr<MappedFile> make_on_use(std::filesystem::path path,
                                                 int64_t bytes,
                                                 std::function<void(std::span<std::byte>)> fill);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<std::byte> bytes() const {
    if (pending_ != nullptr) {
      make();
    }
    return {data_, size_};
  }
  const std::filesystem::path& path() const { return path_; }

  // Reads bytes [offset, offset + bytes) into memory and returns when they are there. It asks the
  // kernel to read ahead and then touches every page, so it does the waiting: call it from another
  // thread.
  void prefetch(int64_t offset, int64_t bytes) const;

  // While this is on, a page that is touched is read alone. Otherwise the kernel reads megabytes
  // around it, which is right for data and wrong for small records between them.
  void read_pages_alone(bool on) const;

  // Gives the memory of the whole pages inside [offset, offset + bytes) back; pages that reach
  // outside the range stay. The addresses remain valid: the next access reads the file again. That
  // is lossless for pages that were only read. A page that was WRITTEN through a view goes back to
  // what the file says: do not release what was changed in place.
  void release(int64_t offset, int64_t bytes) const;

 private:
  MappedFile(std::filesystem::path path, std::byte* data, size_t size);
  void require_range(int64_t offset, int64_t bytes) const;
  void make() const;

  struct Pending;

  std::filesystem::path path_;
  mutable std::byte* data_;  // null where nothing is mapped, yet or at all
  size_t size_;
  std::unique_ptr<Pending> pending_;  // null but for bytes made on use
};

}  // namespace linscan
