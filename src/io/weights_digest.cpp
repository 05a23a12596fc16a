#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "io/json_events.h"
#include "linscan/base/digest.h"
#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/io/checkpoint.h"

namespace linscan {
namespace {

// Between two pieces the interrupt flag is looked at and memory can be given back.
constexpr int64_t kPieceBytes = int64_t{64} << 20;

Sha256 start_digest(const TensorView& tensor) {
  Sha256 digest;
  digest.update(fmt::format("{}{}{}{}{}{}",
                            tensor.name,
                            '\0',
                            name(tensor.dtype),
                            '\0',
                            fmt::join(tensor.shape, ","),
                            '\0'));
  return digest;
}

// The tensor digest; with `release`, the tensor's memory is given back piece by piece.
std::string digest_of(const TensorView& tensor, bool release) {
  Sha256 digest = start_digest(tensor);
  for (int64_t at = 0; at < tensor.bytes; at += kPieceBytes) {
    check_interrupt();
    const int64_t bytes = std::min(kPieceBytes, tensor.bytes - at);
    digest.update(tensor.data() + at, bytes);
    if (release) {
      tensor.file->release(tensor.offset + at, bytes);
    }
  }
  return digest.finish();
}

}  // namespace

void WeightsDigest::add(const TensorView& tensor) {
  if (!has(tensor.name)) {
    store(tensor.name, digest_of(tensor, /*release=*/false));
  }
}

bool WeightsDigest::has(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  return digests_.contains(name);
}

std::string WeightsDigest::finish(const Checkpoint& checkpoint) {
  for (const std::string& name : checkpoint.names()) {
    if (!has(name)) {
      store(name, digest_of(checkpoint.at(name), /*release=*/true));
    }
  }
  const std::lock_guard lock(mutex_);
  Sha256 digest;
  for (const auto& [name, tensor_digest] : digests_) {
    LINSCAN_CHECK(checkpoint.find(name) != nullptr,
                  kInternal,
                  "{}: tensor {} was hashed but is not in the checkpoint",
                  checkpoint.folder().string(),
                  show(name));
    digest.update(fmt::format("{} {}\n", name, tensor_digest));
  }
  return digest.finish();
}

void WeightsDigest::store(const std::string& name, std::string digest) {
  const std::lock_guard lock(mutex_);
  digests_.emplace(name, std::move(digest));
}

}  // namespace linscan
