#include "io/zip_archive.h"

#include <algorithm>
#include <utility>

#include "io/byte_reader.h"
#include "io/json_events.h"
#include "linscan/base/error.h"

namespace linscan {
namespace {

// PKWARE APPNOTE.TXT 6.3.10; section numbers below.
constexpr uint32_t kLocalHeader = 0x04034b50;      // 4.3.7
constexpr uint32_t kDirectoryHeader = 0x02014b50;  // 4.3.12
constexpr uint32_t kEnd64 = 0x06064b50;            // 4.3.14
constexpr uint32_t kEnd64Locator = 0x07064b50;     // 4.3.15
constexpr uint32_t kEnd = 0x06054b50;              // 4.3.16
constexpr size_t kDirectoryHeaderBytes = 46;
constexpr size_t kEnd64LocatorBytes = 20;
constexpr size_t kEndBytes = 22;
constexpr size_t kMaxCommentBytes = 0xffff;
constexpr uint16_t kExtra64 = 0x0001;    // 4.5.3
constexpr uint16_t kEncrypted = 0x2041;  // bits 0 and 6: encrypted; bit 13: masked names
constexpr uint32_t kIn64 = 0xffffffff;   // the number stands in a ZIP64 field

struct Directory {
  uint64_t count = 0;
  uint64_t bytes = 0;
  uint64_t offset = 0;
};

// The end record lies at the very end but for a comment, whose length it must state correctly.
size_t find_end(std::string_view bytes, std::string_view what) {
  constexpr std::string_view kSignature("PK\5\6", 4);
  const size_t last = bytes.size() < kEndBytes ? 0 : bytes.size() - kEndBytes;
  const size_t first = last < kMaxCommentBytes ? 0 : last - kMaxCommentBytes;
  for (size_t at = last + 1; at-- > first && bytes.size() >= kEndBytes;) {
    if (bytes.substr(at, 4) == kSignature) {
      ByteReader reader(bytes.substr(at + kEndBytes - 2), what);
      if (reader.number<uint16_t>() == reader.left()) {
        return at;
      }
    }
  }
  fail_input("{}: has no end of a zip file; the file is cut short or damaged", what);
}

// The ZIP64 end record, when there is a locator for it just before the end record.
std::optional<Directory> find_end64(std::string_view bytes, size_t end, std::string_view what) {
  if (end < kEnd64LocatorBytes) {
    return std::nullopt;
  }
  ByteReader locator(bytes.substr(end - kEnd64LocatorBytes, kEnd64LocatorBytes), what);
  if (locator.number<uint32_t>() != kEnd64Locator) {
    return std::nullopt;
  }
  locator.number<uint32_t>();  // disk
  const auto offset = locator.number<uint64_t>();
  LINSCAN_CHECK(offset < end, kInput, "{}: ZIP64 end record at {} is outside", what, offset);
  ByteReader reader(bytes.substr(offset, end - offset), what);
  LINSCAN_CHECK(reader.number<uint32_t>() == kEnd64,
                kInput,
                "{}: has no ZIP64 end record at byte {}; the file is damaged",
                what,
                offset);
  reader.take(8 + 2 + 2 + 4 + 4 + 8);  // its size, versions, disks, entries on this disk
  Directory directory;
  directory.count = reader.number<uint64_t>();
  directory.bytes = reader.number<uint64_t>();
  directory.offset = reader.number<uint64_t>();
  return directory;
}

Directory find_directory(std::string_view bytes, std::string_view what) {
  const size_t end = find_end(bytes, what);
  std::optional<Directory> directory = find_end64(bytes, end, what);
  if (!directory) {
    ByteReader reader(bytes.substr(end), what);
    reader.take(4 + 2 + 2 + 2);  // signature, disks, entries on this disk
    directory.emplace();
    directory->count = reader.number<uint16_t>();
    directory->bytes = reader.number<uint32_t>();
    directory->offset = reader.number<uint32_t>();
  }
  LINSCAN_CHECK(directory->offset <= end && directory->bytes <= end - directory->offset,
                kInput,
                "{}: the zip directory of {} bytes at {} is outside the file of {} bytes",
                what,
                directory->bytes,
                directory->offset,
                bytes.size());
  return *directory;
}

// Puts the 64-bit numbers of the extra field where the header says so, in the order of 4.5.3.
void read_extra64(std::string_view extra, std::string_view what, std::vector<uint64_t*> wanted) {
  std::erase_if(wanted, [](const uint64_t* number) { return *number != kIn64; });
  if (wanted.empty()) {
    return;
  }
  ByteReader reader(extra, what);
  while (reader.left() >= 4) {
    const auto id = reader.number<uint16_t>();
    const std::string_view field = reader.take(reader.number<uint16_t>());
    if (id == kExtra64) {
      ByteReader numbers(field, what);
      for (uint64_t* number : wanted) {
        *number = numbers.number<uint64_t>();
      }
      return;
    }
  }
  // Without the field the number is what it says: 4 GiB less one byte.
}

}  // namespace

bool ZipArchive::is_zip(std::string_view bytes) {
  return bytes.starts_with(std::string_view("PK\3\4", 4));
}

ZipArchive::ZipArchive(std::string_view bytes, std::string what)
    : bytes_(bytes), what_(std::move(what)) {
  const Directory directory = find_directory(bytes_, what_);
  data_end_ = directory.offset;
  read_directory(bytes_.substr(directory.offset, directory.bytes), directory.count);
  std::ranges::sort(entries_, {}, &Entry::name);
  const auto twice = std::ranges::adjacent_find(entries_, {}, &Entry::name);
  if (twice != entries_.end()) {
    fail_input("{}: two zip records are named {}", what_, show(twice->name));
  }
}

void ZipArchive::read_directory(std::string_view directory, uint64_t count) {
  LINSCAN_CHECK(count <= directory.size() / kDirectoryHeaderBytes,
                kInput,
                "{}: {} zip records do not fit in a directory of {} bytes",
                what_,
                count,
                directory.size());
  entries_.reserve(count);
  ByteReader reader(directory, what_);
  for (uint64_t i = 0; i < count; ++i) {
    LINSCAN_CHECK(reader.number<uint32_t>() == kDirectoryHeader,
                  kInput,
                  "{}: entry {} of the zip directory is damaged",
                  what_,
                  i);
    Entry entry;
    reader.take(2 + 2);  // versions
    entry.flags = reader.number<uint16_t>();
    entry.method = reader.number<uint16_t>();
    reader.take(2 + 2 + 4);  // time, date, CRC: of the weights, which are not read here
    entry.stored_bytes = reader.number<uint32_t>();
    entry.bytes = reader.number<uint32_t>();
    const auto name_bytes = reader.number<uint16_t>();
    const auto extra_bytes = reader.number<uint16_t>();
    const auto comment_bytes = reader.number<uint16_t>();
    reader.take(2 + 2 + 4);  // disk, attributes
    entry.header_offset = reader.number<uint32_t>();
    entry.name = reader.take(name_bytes);
    read_extra64(
        reader.take(extra_bytes), what_, {&entry.bytes, &entry.stored_bytes, &entry.header_offset});
    reader.take(comment_bytes);
    entries_.push_back(entry);
  }
}

std::vector<std::string_view> ZipArchive::names() const {
  std::vector<std::string_view> names;
  names.reserve(entries_.size());
  std::ranges::transform(entries_, std::back_inserter(names), &Entry::name);
  return names;
}

std::optional<ZipArchive::Range> ZipArchive::find(std::string_view name) const {
  const auto entry = std::ranges::lower_bound(entries_, name, {}, &Entry::name);
  if (entry == entries_.end() || entry->name != name) {
    return std::nullopt;
  }
  if (entry->method != 0 || entry->stored_bytes != entry->bytes) {
    fail_unsupported(
        "{}: zip record {} is compressed, which torch.save never does; unpack the file and store "
        "its records, or save the checkpoint again",
        what_,
        show(name));
  }
  if ((entry->flags & kEncrypted) != 0) {
    fail_unsupported("{}: zip record {} is encrypted", what_, show(name));
  }
  LINSCAN_CHECK(entry->header_offset <= data_end_,
                kInput,
                "{}: zip record {} at byte {} is outside the file's data of {} bytes",
                what_,
                show(name),
                entry->header_offset,
                data_end_);
  ByteReader header(bytes_.substr(entry->header_offset, data_end_ - entry->header_offset), what_);
  const bool is_header = header.number<uint32_t>() == kLocalHeader;
  header.take(2 + 2 + 2 + 2 + 2 + 4 + 4 + 4);  // as in the directory, or left zero for later
  const auto name_bytes = header.number<uint16_t>();
  const auto extra_bytes = header.number<uint16_t>();  // torch pads with it to 64 bytes
  LINSCAN_CHECK(
      is_header && header.take(name_bytes) == name,
      kInput,
      "{}: zip record {} is not at byte {}, where the directory has it; the file is damaged",
      what_,
      show(name),
      entry->header_offset);
  header.take(extra_bytes);
  const uint64_t offset = entry->header_offset + header.position();
  LINSCAN_CHECK(
      entry->bytes <= data_end_ - offset,
      kInput,
      "{}: zip record {} of {} bytes at {} reaches past the file's data, which end at {}; "
      "the file is cut short or damaged",
      what_,
      show(name),
      entry->bytes,
      offset,
      data_end_);
  return Range{static_cast<int64_t>(offset), static_cast<int64_t>(entry->bytes)};
}

}  // namespace linscan
