// Files of torch.save for tests, byte by byte: a zip writer and a pickle writer that also write
// what torch never would.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace linscan::testing {

template <typename Number>
std::string le(Number value) {
  std::string out(sizeof value, '\0');
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}

// Builds the text of a pickle of protocol 2. Every function returns the opcodes of one value or
// statement; they are put together with +.
namespace pickle {

using namespace std::string_literals;

inline std::string text(std::string_view value) {
  return "X" + le(static_cast<uint32_t>(value.size())) + std::string(value);
}
inline std::string number(int64_t value) {
  if (value >= 0 && value < 256) {
    return "K" + le(static_cast<uint8_t>(value));
  }
  if (value >= INT32_MIN && value <= INT32_MAX) {
    return "J" + le(static_cast<int32_t>(value));
  }
  return "\x8a\x08" + le(value);
}
inline std::string global(std::string_view module, std::string_view name) {
  return "c" + std::string(module) + "\n" + std::string(name) + "\n";
}
inline std::string tuple(const std::vector<std::string>& items) {
  std::string out = "(";
  for (const std::string& item : items) {
    out += item;
  }
  return out + "t";
}
inline std::string numbers(const std::vector<int64_t>& values) {
  std::vector<std::string> items;
  for (const int64_t value : values) {
    items.push_back(number(value));
  }
  return tuple(items);
}
inline std::string call(const std::string& callee, const std::vector<std::string>& arguments) {
  return callee + tuple(arguments) + "R";
}
inline std::string ordered_dict() {
  return global("collections", "OrderedDict") + ")R";
}
// A dict of entries, each the opcodes of a key and a value.
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string out = "}(";
  for (const auto& [key, value] : entries) {
    out += key + value;
  }
  return out + "u";
}
inline std::string storage(std::string_view type, std::string_view key, int64_t elements) {
  return tuple({text("storage"), global("torch", type), text(key), text("cpu"), number(elements)}) +
         "Q";
}
inline std::string tensor(const std::string& storage,
                          int64_t offset,
                          const std::vector<int64_t>& shape,
                          const std::vector<int64_t>& strides) {
  return call(global("torch._utils", "_rebuild_tensor_v2"),
              {storage, number(offset), numbers(shape), numbers(strides), "\x89", ordered_dict()});
}
inline std::string parameter(const std::string& tensor) {
  return call(global("torch._utils", "_rebuild_parameter"), {tensor, "\x88", ordered_dict()});
}
inline std::string whole(const std::string& value) {
  return "\x80\x02" + value + ".";
}

}  // namespace pickle

struct ZipRecord {
  std::string name;
  std::string data;
  uint16_t method = 0;
  uint16_t flags = 0x0808;
};

struct ZipOptions {
  bool zip64 = false;      // end record, locator and extra fields of ZIP64
  int64_t alignment = 64;  // of the data, by padding in the local extra field
  std::string comment;
};

// A zip file of stored records, in the way torch.save lays it out.
inline std::string zip(const std::vector<ZipRecord>& records, const ZipOptions& options = {}) {
  std::string out;
  std::string directory;
  for (const ZipRecord& record : records) {
    const uint64_t offset = out.size();
    const auto size = static_cast<uint32_t>(record.data.size());
    const auto name_bytes = static_cast<uint16_t>(record.name.size());
    const size_t unpadded = offset + 30 + name_bytes + 4;
    const auto alignment = static_cast<size_t>(options.alignment);
    const size_t padding = (alignment - unpadded % alignment) % alignment;
    out += "PK\3\4" + le<uint16_t>(0) + le(record.flags) + le(record.method) + le<uint32_t>(0);
    out += le<uint32_t>(0) + le<uint32_t>(0) + le<uint32_t>(0);  // CRC and sizes: in the descriptor
    out += le(name_bytes) + le(static_cast<uint16_t>(4 + padding)) + record.name;
    out += "FB" + le(static_cast<uint16_t>(padding)) + std::string(padding, 'Z');
    out += record.data;
    out += "PK\7\10" + le<uint32_t>(0) + le(size) + le(size);
    const std::string extra = le<uint16_t>(1) + le<uint16_t>(24) + le<uint64_t>(size) +
                              le<uint64_t>(size) + le<uint64_t>(offset);
    const uint32_t in64 = 0xffffffff;
    directory += "PK\1\2" + le<uint16_t>(0) + le<uint16_t>(0) + le(record.flags);
    directory += le(record.method) + le<uint32_t>(0) + le<uint32_t>(0);
    directory += le(options.zip64 ? in64 : size) + le(options.zip64 ? in64 : size);
    directory += le(name_bytes) + le<uint16_t>(options.zip64 ? extra.size() : 0) + le<uint16_t>(0);
    directory += le<uint16_t>(0) + le<uint16_t>(0) + le<uint32_t>(0);
    directory += le(options.zip64 ? in64 : static_cast<uint32_t>(offset)) + record.name;
    directory += options.zip64 ? extra : "";
  }
  const uint64_t directory_offset = out.size();
  out += directory;
  const auto count = static_cast<uint16_t>(records.size());
  if (options.zip64) {
    const uint64_t end64 = out.size();
    out += "PK\6\6" + le<uint64_t>(44) + le<uint16_t>(0x031e) + le<uint16_t>(45) + le<uint32_t>(0) +
           le<uint32_t>(0) + le<uint64_t>(count) + le<uint64_t>(count) +
           le<uint64_t>(directory.size()) + le(directory_offset);
    out += "PK\6\7" + le<uint32_t>(0) + le(end64) + le<uint32_t>(1);
  }
  out += "PK\5\6" + le<uint16_t>(0) + le<uint16_t>(0);
  out += options.zip64 ? le<uint16_t>(0xffff) + le<uint16_t>(0xffff) + le<uint32_t>(0xffffffff) +
                             le<uint32_t>(0xffffffff)
                       : le(count) + le(count) + le(static_cast<uint32_t>(directory.size())) +
                             le(static_cast<uint32_t>(directory_offset));
  return out + le(static_cast<uint16_t>(options.comment.size())) + options.comment;
}

// A file of torch.save: this pickle and these storages (key, data).
inline std::vector<ZipRecord> torch_records(
    const std::string& pickle_text,
    const std::vector<std::pair<std::string, std::string>>& storages) {
  std::vector<ZipRecord> records = {{"archive/data.pkl", pickle_text},
                                    {"archive/byteorder", "little"}};
  for (const auto& [key, data] : storages) {
    records.push_back({"archive/data/" + key, data});
  }
  records.push_back({"archive/version", "3\n"});
  return records;
}
inline std::string torch_file(const std::string& pickle_text,
                              const std::vector<std::pair<std::string, std::string>>& storages) {
  return zip(torch_records(pickle_text, storages));
}

}  // namespace linscan::testing
