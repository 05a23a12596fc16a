#include "text/line_reader.h"

#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "linscan/base/error.h"

namespace linscan {
namespace {

constexpr size_t kBufferBytes = size_t{256} << 10;

class PlainSource final : public ByteSource {
 public:
  explicit PlainSource(const std::filesystem::path& file)
      : name_(file.string()), file_(std::fopen(name_.c_str(), "rb")) {
    LINSCAN_CHECK(
        !std::filesystem::is_directory(file), kInput, "{}: is a directory, expected a file", name_);
    LINSCAN_CHECK(file_, kInput, "{}: cannot be opened: {}", name_, std::strerror(errno));
  }

  size_t read(char* buffer, size_t capacity) override {
    const size_t count = std::fread(buffer, 1, capacity, file_.get());
    LINSCAN_CHECK(count > 0 || std::ferror(file_.get()) == 0,
                  kInput,
                  "{}: reading failed: {}",
                  name_,
                  std::strerror(errno));
    bytes_ += static_cast<int64_t>(count);
    return count;
  }
  int64_t packed_bytes() const override { return bytes_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string name_;
  std::unique_ptr<std::FILE, Close> file_;
  int64_t bytes_ = 0;
};

class GzipSource final : public ByteSource {
 public:
  explicit GzipSource(const std::filesystem::path& file)
      : name_(file.string()), packed_(file), input_(kBufferBytes, '\0') {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&stream_, MAX_WBITS + kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~GzipSource() override { inflateEnd(&stream_); }

  size_t read(char* buffer, size_t capacity) override {
    stream_.next_out = reinterpret_cast<Bytef*>(buffer);
    stream_.avail_out = static_cast<uInt>(capacity);
    while (stream_.avail_out == capacity) {
      if (stream_.avail_in == 0 && !refill()) {
        LINSCAN_CHECK(member_ended_, kInput, "{}: the gzip data ends too early", name_);
        return 0;
      }
      if (member_ended_) {  // several gzip members in one file are one stream
        inflateReset(&stream_);
        member_ended_ = false;
      }
      const int result = inflate(&stream_, Z_NO_FLUSH);
      member_ended_ = result == Z_STREAM_END;
      LINSCAN_CHECK(result == Z_OK || result == Z_STREAM_END,
                    kInput,
                    "{}: corrupt gzip data: {}",
                    name_,
                    stream_.msg != nullptr ? stream_.msg : "unreadable");
    }
    return capacity - stream_.avail_out;
  }
  int64_t packed_bytes() const override { return packed_.packed_bytes(); }

 private:
  bool refill() {
    const size_t count = packed_.read(input_.data(), input_.size());
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(count);
    return count > 0;
  }

  std::string name_;
  PlainSource packed_;
  std::string input_;
  z_stream stream_{};
  bool member_ended_ = false;
};

class ZstdSource final : public ByteSource {
 public:
  explicit ZstdSource(const std::filesystem::path& file)
      : name_(file.string()),
        packed_(file),
        input_(kBufferBytes, '\0'),
        stream_(ZSTD_createDStream()) {
    if (!stream_) throw std::bad_alloc();
    // A frame may ask for a window of any size: 128 MiB is what the zstd tool itself allows.
    ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, 27);
  }

  size_t read(char* buffer, size_t capacity) override {
    ZSTD_outBuffer out{buffer, capacity, 0};
    while (out.pos == 0) {
      if (in_.pos == in_.size && !refill()) {
        LINSCAN_CHECK(frame_ended_, kInput, "{}: the zstd data ends too early", name_);
        return 0;
      }
      const size_t result = ZSTD_decompressStream(stream_.get(), &out, &in_);
      LINSCAN_CHECK(ZSTD_isError(result) == 0,
                    kInput,
                    "{}: corrupt zstd data: {}",
                    name_,
                    ZSTD_getErrorName(result));
      frame_ended_ = result == 0;
    }
    return out.pos;
  }
  int64_t packed_bytes() const override { return packed_.packed_bytes(); }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };

  bool refill() {
    in_ = {input_.data(), packed_.read(input_.data(), input_.size()), 0};
    return in_.size > 0;
  }

  std::string name_;
  PlainSource packed_;
  std::string input_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  std::unique_ptr<ZSTD_DStream, Free> stream_;
  bool frame_ended_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> open_source(const std::filesystem::path& file) {
  if (file.extension() == ".gz") return std::make_unique<GzipSource>(file);
  if (file.extension() == ".zst") return std::make_unique<ZstdSource>(file);
  return std::make_unique<PlainSource>(file);
}

LineReader::LineReader(const std::filesystem::path& file)
    : name_(file.string()), source_(open_source(file)), buffer_(kBufferBytes, '\0') {}

bool LineReader::next(std::string& line) {
  line.clear();
  bool any = false;
  while (true) {
    if (at_ == filled_) {
      at_ = 0;
      filled_ = source_->read(buffer_.data(), buffer_.size());
      if (filled_ == 0) {
        line_number_ += any;
        return any;
      }
    }
    any = true;
    const char* begin = buffer_.data() + at_;
    const void* end = std::memchr(begin, '\n', filled_ - at_);
    const size_t count =
        end != nullptr ? static_cast<size_t>(static_cast<const char*>(end) - begin) : filled_ - at_;
    line.append(begin, count);
    LINSCAN_CHECK(line.size() <= kMaxLine,
                  kInput,
                  "{}:{}: a line of more than {} bytes",
                  name_,
                  line_number_ + 1,
                  kMaxLine);
    at_ += count;
    if (end == nullptr) continue;
    ++at_;
    ++line_number_;
    if (line.ends_with('\r')) line.pop_back();
    return true;
  }
}

}  // namespace linscan
