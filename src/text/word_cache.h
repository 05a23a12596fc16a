// Pieces already encoded, with their ids. A fixed amount of memory: a newer piece replaces an older
// one in its slot.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace linscan {

class WordCache {
 public:
  static constexpr size_t kMaxBytes = 30;  // longer pieces are not kept
  static constexpr size_t kMaxIds = 7;

  WordCache() : short_(kShortSlots), long_(kLongSlots) {}

  // Where a piece belongs; computed once per piece, for find and insert.
  struct Key {
    uint64_t low;  // for pieces of at most 16 bytes low, high and the length determine all bytes
    uint64_t high;
    uint64_t hash;
  };

  // Precondition: 1 <= piece.size() <= kMaxBytes.
  static Key make_key(std::string_view piece) {
    const char* p = piece.data();
    const size_t n = piece.size();
    Key key;
    if (n >= 8) {
      key.low = load<uint64_t>(p);
      key.high = load<uint64_t>(p + n - 8);
    } else if (n >= 4) {
      key.low = load<uint32_t>(p);
      key.high = load<uint32_t>(p + n - 4);
    } else {
      const auto byte = [&](size_t i) { return uint64_t{static_cast<unsigned char>(p[i])}; };
      key.low = byte(0) | byte(n / 2) << 8 | byte(n - 1) << 16;
      key.high = 0;
    }
    uint64_t h = (key.low ^ (n * 0x9E3779B97F4A7C15u)) * 0xD6E8FEB86659FD93u;
    h = (h ^ (h >> 32) ^ key.high) * 0xA0761D6478BD642Fu;
    if (n > 16) {
      h = (h ^ (h >> 29) ^ load<uint64_t>(p + 8)) * 0xE7037ED1A0B428DBu;
      if (n > 24) h = (h ^ (h >> 29) ^ load<uint64_t>(p + 16)) * 0x8EBC6AF09C88C6E3u;
    }
    key.hash = h ^ (h >> 32);
    return key;
  }

  // The ids of `piece`; an empty span (which no stored piece has) when it is not here.
  std::span<const int32_t> find(const Key& key, std::string_view piece) const {
    if (piece.size() <= 16) {
      const ShortEntry& entry = short_[key.hash & (kShortSlots - 1)];
      if (entry.low == key.low && entry.high == key.high && entry.length == piece.size()) {
        return {entry.ids, entry.count};
      }
    }
    const LongEntry& entry = long_[key.hash & (kLongSlots - 1)];
    if (entry.length == piece.size() && std::memcmp(entry.bytes, piece.data(), piece.size()) == 0) {
      return {entry.ids, entry.count};
    }
    return {};
  }

  // Keeps the ids of a piece that find() did not have. Too many ids, or none: not kept.
  void insert(const Key& key, std::string_view piece, std::span<const int32_t> ids) {
    if (ids.empty() || ids.size() > kMaxIds) return;
    if (piece.size() <= 16 && ids.size() <= kShortIds) {
      ShortEntry& entry = short_[key.hash & (kShortSlots - 1)];
      entry.low = key.low;
      entry.high = key.high;
      fill(entry, piece, ids);
    } else {
      LongEntry& entry = long_[key.hash & (kLongSlots - 1)];
      std::memcpy(entry.bytes, piece.data(), piece.size());
      fill(entry, piece, ids);
    }
  }

 private:
  static constexpr size_t kShortSlots = 1 << 16;  // 2 MiB
  static constexpr size_t kLongSlots = 1 << 14;   // 1 MiB
  static constexpr size_t kShortIds = 3;

  struct alignas(32) ShortEntry {
    uint64_t low = 0;
    uint64_t high = 0;
    uint8_t length = 0;
    uint8_t count = 0;
    int32_t ids[kShortIds];
  };
  struct alignas(64) LongEntry {
    uint8_t length = 0;
    uint8_t count = 0;
    char bytes[kMaxBytes];
    int32_t ids[kMaxIds];
  };

  template <typename Word>
  static Word load(const char* p) {
    Word word;
    std::memcpy(&word, p, sizeof word);
    return word;
  }

  template <typename Entry>
  static void fill(Entry& entry, std::string_view piece, std::span<const int32_t> ids) {
    entry.length = static_cast<uint8_t>(piece.size());
    entry.count = static_cast<uint8_t>(ids.size());
    std::memcpy(entry.ids, ids.data(), ids.size_bytes());
  }

  std::vector<ShortEntry> short_;
  std::vector<LongEntry> long_;
};

}  // namespace linscan
