#include "train/teacher_cache.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "linscan/base/digest.h"
#include "linscan/base/error.h"
#include "linscan/base/log.h"

namespace linscan {
namespace {

constexpr const char* kSchema = "linscan.teacher/1";
constexpr int64_t kSumDigits = 16;  // of the digest: against damage, not against forgery

// In front of the payload of a record.
struct RecordHead {
  int64_t window;
  std::array<char, kSumDigits> sum;
};
static_assert(sizeof(RecordHead) == 24);

std::string checksum(int64_t window, const char* payload, int64_t bytes) {
  Sha256 sha;
  sha.update(&window, sizeof(window));
  sha.update(payload, bytes);
  return sha.finish().substr(0, kSumDigits);
}

bool read_all(int fd, int64_t offset, void* to, int64_t bytes) {
  auto* at = static_cast<char*>(to);
  while (bytes > 0) {
    const ssize_t got = pread(fd, at, static_cast<size_t>(bytes), offset);
    if (got <= 0) {
      if (got < 0 && errno == EINTR) {
        continue;
      }
      return false;
    }
    at += got;
    offset += got;
    bytes -= got;
  }
  return true;
}

void write_all(int fd, const std::filesystem::path& file, int64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = pwrite(fd, bytes.data(), bytes.size(), offset);
    if (put < 0 && errno == EINTR) {
      continue;
    }
    LINSCAN_CHECK(
        put > 0,
        kInput,
        "{}: cannot be written: {}; make room and --resume, or go without --cache-teacher",
        file.string(),
        std::strerror(errno));
    offset += put;
    bytes.remove_prefix(static_cast<size_t>(put));
  }
}

}  // namespace

TeacherCache::TeacherCache(std::filesystem::path file,
                           const Json& key,
                           int64_t window_rows,
                           int64_t top_k)
    : file_(std::move(file)),
      window_rows_(window_rows),
      top_k_(top_k),
      ids_bytes_(window_rows * top_k * static_cast<int64_t>(sizeof(int32_t))),
      record_bytes_(static_cast<int64_t>(sizeof(RecordHead)) + ids_bytes_ +
                    window_rows * (top_k + 1) * static_cast<int64_t>(sizeof(float))),
      record_(static_cast<size_t>(record_bytes_)) {
  const auto cannot = [&](const char* what) {
    fail_input("{}: cannot be {}: {}", file_.string(), what, std::strerror(errno));
  };
  opened_.fd = open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (opened_.fd < 0) {
    cannot("opened");
  }
  if (flock(opened_.fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      cannot("locked");
    }
    writable_ = false;
    log::info("{}: another run writes to it; it is only read", file_.string());
  }
  struct stat about{};
  if (fstat(opened_.fd, &about) != 0) {
    cannot("read");
  }
  if (about.st_size == 0 && writable_) {
    write_header(key);
    return;
  }
  if (about.st_size < kHeaderBytes && !writable_) {
    return;  // its writer has only just made it
  }
  check_header(key);
  read_index(about.st_size);
}

void TeacherCache::write_header(const Json& key) {
  Json header = {{"schema", kSchema}, {"rows", window_rows_}, {"top_k", top_k_}};
  header["of"] = key;
  std::string text = header.dump();
  LINSCAN_CHECK(static_cast<int64_t>(text.size()) < kHeaderBytes,
                kInternal,
                "a header of {} bytes",
                text.size());
  text.resize(kHeaderBytes, ' ');
  text.back() = '\n';
  write_all(opened_.fd, file_, 0, text);
}

void TeacherCache::check_header(const Json& key) const {
  std::string text(kHeaderBytes, '\0');
  const bool whole = read_all(opened_.fd, 0, text.data(), kHeaderBytes);
  const Json header = Json::parse(whole ? text : std::string(), nullptr, /*exceptions=*/false);
  LINSCAN_CHECK(header.is_object() && header.value("schema", Json()) == kSchema &&
                    header.value("of", Json()).is_object(),
                kInput,
                "{}: not a file of a teacher's predictions; name another for --cache-teacher",
                file_.string());
  const Json& has = header.at("of");
  for (const auto& [name, wanted] : key.items()) {
    const Json found = has.value(name, Json());
    LINSCAN_CHECK(found == wanted,
                  kInput,
                  "{}: its predictions are of another {} ({}, not {}); name another file for "
                  "--cache-teacher",
                  file_.string(),
                  name,
                  found.dump(),
                  wanted.dump());
  }
  LINSCAN_CHECK(
      header.value("rows", Json()) == window_rows_ && header.value("top_k", Json()) == top_k_,
      kInput,
      "{}: its header contradicts itself; delete it",
      file_.string());
}

void TeacherCache::read_index(int64_t bytes) {
  while (end_ + record_bytes_ <= bytes) {
    RecordHead head{};
    LINSCAN_CHECK(read_all(opened_.fd, end_, &head, sizeof(head)),
                  kInput,
                  "{}: cannot be read",
                  file_.string());
    offsets_[head.window] = end_;  // the last one counts: an earlier one may be damaged
    end_ += record_bytes_;
  }
  // What a kill left of a record would stand in the way of the next one.
  if (end_ < bytes && writable_ && ftruncate(opened_.fd, end_) != 0) {
    fail_input("{}: cannot be written: {}", file_.string(), std::strerror(errno));
  }
}

bool TeacherCache::read_record(int64_t offset) {
  RecordHead head{};
  if (!read_all(opened_.fd, offset, record_.data(), record_bytes_)) {
    return false;
  }
  std::memcpy(&head, record_.data(), sizeof(head));
  const int64_t payload = record_bytes_ - static_cast<int64_t>(sizeof(head));
  return std::string_view(head.sum.data(), kSumDigits) ==
         checksum(head.window, record_.data() + sizeof(head), payload);
}

std::optional<TopPredictions> TeacherCache::find(std::span<const int64_t> windows) {
  for (const int64_t window : windows) {
    if (!offsets_.contains(window)) {
      return std::nullopt;
    }
  }
  const auto rows = static_cast<int64_t>(windows.size()) * window_rows_;
  const at::Tensor ids = at::empty({rows, top_k_}, at::kInt);
  const at::Tensor likelihoods = at::empty({rows, top_k_ + 1}, at::kFloat);
  int64_t row = 0;
  for (const int64_t window : windows) {
    if (!read_record(offsets_.at(window))) {
      log::warn("{}: a window is damaged; the teacher runs again for it", file_.string());
      offsets_.erase(window);
      return std::nullopt;
    }
    const char* payload = record_.data() + sizeof(RecordHead);
    std::memcpy(
        ids.mutable_data_ptr<int32_t>() + row * top_k_, payload, static_cast<size_t>(ids_bytes_));
    std::memcpy(likelihoods.mutable_data_ptr<float>() + row * (top_k_ + 1),
                payload + ids_bytes_,
                static_cast<size_t>(record_bytes_ - ids_bytes_) - sizeof(RecordHead));
    row += window_rows_;
  }
  read_ += static_cast<int64_t>(windows.size());
  return TopPredictions{ids.to(at::kLong), likelihoods};
}

void TeacherCache::add(std::span<const int64_t> windows, const TopPredictions& predictions) {
  if (!writable_) {
    return;
  }
  const at::Tensor ids = predictions.ids.to(at::kCPU, at::kInt).contiguous();
  const at::Tensor likelihoods =
      predictions.log_probabilities.to(at::kCPU, at::kFloat).contiguous();
  LINSCAN_CHECK(ids.size(0) == static_cast<int64_t>(windows.size()) * window_rows_ &&
                    ids.size(1) == top_k_ && likelihoods.size(1) == top_k_ + 1,
                kInternal,
                "predictions that are not of these windows");
  int64_t row = 0;
  for (const int64_t window : windows) {
    if (!offsets_.contains(window)) {
      char* payload = record_.data() + sizeof(RecordHead);
      const int64_t payload_bytes = record_bytes_ - static_cast<int64_t>(sizeof(RecordHead));
      std::memcpy(
          payload, ids.const_data_ptr<int32_t>() + row * top_k_, static_cast<size_t>(ids_bytes_));
      std::memcpy(payload + ids_bytes_,
                  likelihoods.const_data_ptr<float>() + row * (top_k_ + 1),
                  static_cast<size_t>(payload_bytes - ids_bytes_));
      RecordHead head{window, {}};
      checksum(window, payload, payload_bytes).copy(head.sum.data(), kSumDigits);
      std::memcpy(record_.data(), &head, sizeof(head));
      write_all(opened_.fd, file_, end_, {record_.data(), record_.size()});
      offsets_[window] = end_;
      end_ += record_bytes_;
      ++added_;
    }
    row += window_rows_;
  }
}

Json TeacherCache::describe() const {
  return {{"file", file_.string()},
          {"windows", offsets_.size()},
          {"windows_read", read_},
          {"windows_added", added_}};
}

}  // namespace linscan
