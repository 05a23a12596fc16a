// A file descriptor that is closed, and so unlocked, on every way out.
#pragma once

#include <unistd.h>

namespace linscan {

struct Descriptor {
  explicit Descriptor(int opened = -1) : fd(opened) {}
  ~Descriptor() {
    if (fd >= 0) {
      close(fd);
    }
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int fd;  // negative: none
};

}  // namespace linscan
