#include "linscan/analyze/residual_stream.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "linscan/base/error.h"

namespace linscan {

ResidualStream::ResidualStream(int64_t rows, int64_t hidden)
    : rows_(rows), hidden_(hidden), memory_(at::empty({rows, hidden}, at::kFloat)) {}

ResidualStream::ResidualStream(int64_t rows, int64_t hidden, const std::filesystem::path& folder)
    : rows_(rows), hidden_(hidden) {
  std::string name = (folder / "linscan-stream-XXXXXX").string();
  file_ = mkstemp(name.data());
  if (file_ < 0) {
    fail_input(
        "{}: the residual stream cannot be spilled there: {}; set TMPDIR or raise --memory-limit",
        folder.string(),
        std::strerror(errno));
  }
  unlink(name.c_str());
  const int64_t bytes = rows * hidden * static_cast<int64_t>(sizeof(float));
  if (const int error = posix_fallocate(file_, 0, bytes); error != 0) {
    close(file_);
    fail_input(
        "{}: no room for {} bytes of residual stream: {}; set TMPDIR or raise --memory-limit",
        folder.string(),
        bytes,
        std::strerror(error));
  }
}

ResidualStream::~ResidualStream() {
  if (file_ >= 0) {
    close(file_);
  }
}

at::Tensor ResidualStream::load(int64_t first, int64_t count, at::Device device) const {
  if (!spilled()) {
    return memory_.narrow(0, first, count).to(device);
  }
  const at::Tensor rows = at::empty({count, hidden_}, at::kFloat);
  char* to = reinterpret_cast<char*>(rows.mutable_data_ptr<float>());
  const int64_t row_bytes = hidden_ * static_cast<int64_t>(sizeof(float));
  int64_t offset = first * row_bytes;
  const int64_t end = offset + count * row_bytes;
  while (offset < end) {
    const ssize_t done = pread(file_, to, static_cast<size_t>(end - offset), offset);
    if (done < 0 && errno == EINTR) {
      continue;
    }
    LINSCAN_CHECK(
        done > 0, kInput, "reading the spilled residual stream failed: {}", std::strerror(errno));
    to += done;
    offset += done;
  }
  return rows.to(device);
}

void ResidualStream::store(int64_t first, const at::Tensor& x) {
  if (!spilled()) {
    memory_.narrow(0, first, x.size(0)).copy_(x);
    return;
  }
  const at::Tensor host = x.cpu().contiguous();
  const char* from = reinterpret_cast<const char*>(host.const_data_ptr<float>());
  const int64_t row_bytes = hidden_ * static_cast<int64_t>(sizeof(float));
  int64_t offset = first * row_bytes;
  const int64_t end = offset + host.size(0) * row_bytes;
  while (offset < end) {
    const ssize_t done = pwrite(file_, from, static_cast<size_t>(end - offset), offset);
    if (done < 0 && errno == EINTR) {
      continue;
    }
    LINSCAN_CHECK(
        done > 0, kInput, "writing the spilled residual stream failed: {}", std::strerror(errno));
    from += done;
    offset += done;
  }
}

}  // namespace linscan
