#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "io/json_events.h"
#include "io/safetensors_header.h"
#include "io/weights_mapping.h"
#include "linscan/base/error.h"
#include "linscan/io/safetensors.h"

namespace linscan {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor data are little-endian");

constexpr int64_t kLengthBytes = 8;

// The header text of a mapped file, after its length has been checked against the file.
std::string_view header_text(const MappedFile& file) {
  const auto bytes = static_cast<std::span<const std::byte>>(file.bytes());
  const std::string path = file.path().string();
  const auto file_bytes = static_cast<int64_t>(bytes.size());
  LINSCAN_CHECK(file_bytes > kLengthBytes,
                kInput,
                "{}: {} bytes are too few for a safetensors file",
                path,
                file_bytes);
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  LINSCAN_CHECK(length <= static_cast<uint64_t>(kMaxHeaderBytes),
                kInput,
                "{}: header length {} is larger than {}; this is no safetensors file",
                path,
                length,
                kMaxHeaderBytes);
  LINSCAN_CHECK(length <= static_cast<uint64_t>(file_bytes - kLengthBytes),
                kInput,
                "{}: header length {} does not fit in the file of {} bytes; the file is cut short",
                path,
                length,
                file_bytes);
  file.prefetch(0, kLengthBytes + static_cast<int64_t>(length));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length);
  LINSCAN_CHECK(text.starts_with('{'),
                kInput,
                "{}: the header does not start with '{{'; this is no safetensors file",
                path);
  return text;
}

// Entries sorted by their place must follow each other without gap or overlap from 0 to
// `data_bytes`.
void check_layout(const std::vector<HeaderEntry>& entries,
                  int64_t data_bytes,
                  std::string_view path) {
  int64_t covered = 0;
  for (const HeaderEntry& entry : entries) {
    LINSCAN_CHECK(
        entry.end <= data_bytes,
        kInput,
        "{}: tensor {}: data_offsets [{}, {}] reach past the {} bytes of data; the file is "
        "cut short or damaged",
        path,
        show(entry.name),
        entry.begin,
        entry.end,
        data_bytes);
    LINSCAN_CHECK(
        entry.begin >= covered,
        kInput,
        "{}: tensor {}: data_offsets [{}, {}] overlap the tensor before, which ends at {}",
        path,
        show(entry.name),
        entry.begin,
        entry.end,
        covered);
    LINSCAN_CHECK(entry.begin == covered,
                  kInput,
                  "{}: tensor {}: bytes {} to {} before it belong to no tensor",
                  path,
                  show(entry.name),
                  covered,
                  entry.begin);
    covered = entry.end;
  }
  LINSCAN_CHECK(covered == data_bytes,
                kInput,
                "{}: the last {} bytes belong to no tensor",
                path,
                data_bytes - covered);
}

}  // namespace

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  const WeightsMapping mapping(path);
  const std::shared_ptr<MappedFile>& file = mapping.file();
  const std::string_view text = header_text(*file);
  SafetensorsHeader header = parse_header(text, path.string());

  std::vector<HeaderEntry>& entries = header.entries;
  const auto place = [](const HeaderEntry& entry) { return std::pair(entry.begin, entry.end); };
  if (!std::ranges::is_sorted(
          entries, {}, place)) {  // writers sort the header or the data, not always both
    std::ranges::stable_sort(entries, {}, place);
  }
  const int64_t data_begin = kLengthBytes + static_cast<int64_t>(text.size());
  const auto file_bytes = static_cast<int64_t>(file->bytes().size());
  check_layout(entries, file_bytes - data_begin, path.string());

  std::vector<TensorView> tensors;
  tensors.reserve(entries.size());
  for (HeaderEntry& entry : entries) {
    tensors.push_back(TensorView{.name = std::move(entry.name),
                                 .dtype = entry.dtype,
                                 .shape = std::move(entry.shape),
                                 .file = file,
                                 .offset = data_begin + entry.begin,
                                 .bytes = entry.end - entry.begin});
  }
  return {path, std::move(tensors), std::move(header.metadata)};
}

}  // namespace linscan
