// Reads little-endian numbers and pieces from bytes that may end anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "linscan/base/error.h"

namespace linscan {

class ByteReader {
 public:
  // `what` names the source in errors; both must outlive the reader.
  ByteReader(std::string_view bytes, std::string_view what) : bytes_(bytes), what_(what) {}

  size_t position() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }

  // The next `count` bytes. Throws Error(kInput) where fewer are left.
  std::string_view take(uint64_t count) {
    LINSCAN_CHECK(count <= left(),
                  kInput,
                  "{}: the file is cut short or damaged: {} more bytes expected where {} are left",
                  what_,
                  count,
                  left());
    const std::string_view piece = bytes_.substr(at_, count);
    at_ += count;
    return piece;
  }

  template <typename Number>
  Number number() {
    static_assert(std::is_integral_v<Number>);
    Number value;
    const std::string_view piece = take(sizeof value);
    std::memcpy(&value, piece.data(), piece.size());
    return value;
  }

  // Up to the next '\n', which is consumed but not part of the result; at most `most` bytes.
  std::string_view line(size_t most) {
    const std::string_view ahead = bytes_.substr(at_, most + 1);
    const size_t end = ahead.find('\n');
    LINSCAN_CHECK(end != std::string_view::npos,
                  kInput,
                  "{}: byte {} starts no line of at most {} bytes",
                  what_,
                  at_,
                  most);
    at_ += end + 1;
    return ahead.substr(0, end);
  }

 private:
  std::string_view bytes_;
  std::string_view what_;
  size_t at_ = 0;
};

}  // namespace linscan
