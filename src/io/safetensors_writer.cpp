#include <algorithm>
#include <iterator>
#include <utility>

#include "io/json_events.h"
#include "io/safetensors_header.h"
#include "linscan/base/error.h"
#include "linscan/io/safetensors.h"

namespace linscan {
namespace {

constexpr int64_t kLengthBytes = 8;

// Largest elements first: with the data section aligned to 8 bytes, every tensor is aligned for its
// type.
bool comes_before(const TensorEntry& a, const TensorEntry& b) {
  return std::pair(-item_size(a.dtype), std::string_view(a.name)) <
         std::pair(-item_size(b.dtype), std::string_view(b.name));
}

// The entries with their place in the data section.
SafetensorsHeader lay_out(const std::filesystem::path& path,
                          std::vector<TensorEntry> entries,
                          std::map<std::string, std::string> metadata) {
  std::ranges::sort(entries, comes_before);
  SafetensorsHeader header;
  header.metadata = std::move(metadata);
  header.metadata.emplace("format", "pt");
  int64_t end = 0;
  for (TensorEntry& entry : entries) {
    const int64_t bytes = require_writable_entry(entry, path.string());
    const int64_t begin = end;
    LINSCAN_CHECK(!__builtin_add_overflow(begin, bytes, &end),
                  kInternal,
                  "{}: tensor {}: impossible shape [{}]: the file would exceed 63 bits",
                  path.string(),
                  show(entry.name),
                  fmt::join(entry.shape, ", "));
    header.entries.push_back(
        HeaderEntry{std::move(entry.name), entry.dtype, std::move(entry.shape), begin, end});
  }
  return header;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     std::vector<TensorEntry> entries,
                                     std::map<std::string, std::string> metadata)
    : path_(path), file_(path) {
  const SafetensorsHeader header = lay_out(path, std::move(entries), std::move(metadata));
  std::string text = format_header(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  LINSCAN_CHECK(static_cast<int64_t>(text.size()) <= kMaxHeaderBytes,
                kInternal,
                "{}: a header of {} bytes is larger than the format allows",
                path.string(),
                text.size());
  const auto length = static_cast<uint64_t>(text.size());
  const auto data_begin = kLengthBytes + static_cast<int64_t>(length);
  for (const HeaderEntry& entry : header.entries) {
    const Slot slot{.offset = data_begin + entry.begin, .bytes = entry.end - entry.begin};
    const bool is_new = slots_.emplace(entry.name, slot).second;
    LINSCAN_CHECK(
        is_new, kInternal, "{}: tensor {} is listed twice", path.string(), show(entry.name));
  }
  file_bytes_ = data_begin + (header.entries.empty() ? 0 : header.entries.back().end);
  file_.write(&length, sizeof length);
  file_.write(text.data(), static_cast<int64_t>(text.size()));
}

void SafetensorsWriter::write(std::string_view name,
                              int64_t offset_in_tensor,
                              const void* data,
                              int64_t bytes) {
  const auto found = slots_.find(name);
  LINSCAN_CHECK(found != slots_.end(),
                kInternal,
                "{}: tensor {} is not among the entries",
                path_.string(),
                show(name));
  Slot& slot = found->second;
  const int64_t begin = offset_in_tensor;
  LINSCAN_CHECK(begin >= 0 && bytes >= 0 && begin <= slot.bytes && bytes <= slot.bytes - begin,
                kInternal,
                "{}: tensor {}: a piece of {} bytes at {} is outside its {} bytes",
                path_.string(),
                show(name),
                bytes,
                begin,
                slot.bytes);
  if (bytes == 0) {
    return;
  }
  const int64_t end = begin + bytes;
  const auto next = slot.written.lower_bound(begin);
  const auto previous = next == slot.written.begin() ? slot.written.end() : std::prev(next);
  const bool overlaps = (next != slot.written.end() && next->first < end) ||
                        (previous != slot.written.end() && previous->second > begin);
  LINSCAN_CHECK(!overlaps,
                kInternal,
                "{}: tensor {}: bytes {} to {} are written twice",
                path_.string(),
                show(name),
                begin,
                end);
  file_.write_at(slot.offset + begin, data, bytes);

  // Pieces that touch become one, so that a tensor written front to back keeps a single entry.
  const int64_t merged_end = next != slot.written.end() && next->first == end ? next->second : end;
  if (merged_end != end) {
    slot.written.erase(next);
  }
  if (previous != slot.written.end() && previous->second == begin) {
    previous->second = merged_end;
  } else {
    slot.written.emplace(begin, merged_end);
  }
}

void SafetensorsWriter::commit() {
  for (const auto& [name, slot] : slots_) {
    const int64_t from_start = slot.written.contains(0) ? slot.written.at(0) : 0;
    LINSCAN_CHECK(from_start == slot.bytes,
                  kInternal,
                  "{}: tensor {}: byte {} of {} was never written",
                  path_.string(),
                  show(name),
                  from_start,
                  slot.bytes);
  }
  file_.commit();
}

}  // namespace linscan
