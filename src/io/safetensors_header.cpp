#include "io/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "io/json_events.h"
#include "linscan/base/error.h"

namespace linscan {
namespace {

constexpr size_t kMaxNameBytes = 4096;

// {"__metadata__": {key: text}, name: {"dtype": text, "shape": [n, ...], "data_offsets": [begin,
// end]}, ...}
class HeaderHandler : public JsonHandler {
 public:
  explicit HeaderHandler(std::string_view what) : what_(what) {}

  SafetensorsHeader take() { return std::move(header_); }

  void begin_object() override {
    if (place_ == Place::kDocument) {
      place_ = Place::kRoot;
    } else if (place_ == Place::kRoot) {
      place_ = entry_.name == kMetadataKey ? Place::kMetadata : Place::kEntry;
    } else {
      refuse("an object");
    }
  }

  void begin_array() override {
    if (place_ == Place::kEntry && field_ == "shape") {
      place_ = Place::kShape;
      has_shape_ = true;
    } else if (place_ == Place::kEntry && field_ == "data_offsets") {
      place_ = Place::kOffsets;
    } else {
      refuse("an array");
    }
  }

  void end() override {
    if (place_ == Place::kEntry) {
      finish_entry();
    }
    const bool in_field = place_ == Place::kShape || place_ == Place::kOffsets;
    place_ = in_field ? Place::kEntry : Place::kRoot;
  }

  void key(std::string& text) override {
    if (place_ == Place::kRoot) {
      entry_.name = std::move(text);
      const std::string_view problem = reject_name(entry_.name);
      if (!problem.empty() && entry_.name != kMetadataKey) {
        fail_input("{}: tensor name {} {}", what_, show(entry_.name), problem);
      }
      return;
    }
    field_ = std::move(text);
    if (place_ == Place::kEntry && field_ != "dtype" && field_ != "shape" &&
        field_ != "data_offsets") {
      fail_input("{}: tensor {}: unknown field {}; expected dtype, shape and data_offsets",
                 what_,
                 show(entry_.name),
                 show(field_));
    }
  }

  void string(std::string& text) override {
    if (place_ == Place::kMetadata) {
      header_.metadata.emplace(std::move(field_), std::move(text));
    } else if (place_ == Place::kEntry && field_ == "dtype") {
      set_dtype(text);
    } else {
      refuse("a string");
    }
  }

  void number(uint64_t value) override {
    if (place_ != Place::kShape && place_ != Place::kOffsets) {
      refuse("a number");
    }
    LINSCAN_CHECK(value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()),
                  kInput,
                  "{}: tensor {}: {}: {} is too large",
                  what_,
                  show(entry_.name),
                  field_,
                  value);
    std::vector<int64_t>& into = place_ == Place::kShape ? entry_.shape : offsets_;
    const size_t most = place_ == Place::kShape ? kMaxDimensions : 2;
    LINSCAN_CHECK(into.size() < most,
                  kInput,
                  "{}: tensor {}: {} has more than {} numbers",
                  what_,
                  show(entry_.name),
                  field_,
                  most);
    into.push_back(static_cast<int64_t>(value));
  }

  void other(std::string_view kind) override { refuse(kind); }

 private:
  enum class Place { kDocument, kRoot, kMetadata, kEntry, kShape, kOffsets };

  void set_dtype(const std::string& text) {
    const std::optional<DType> dtype = parse_dtype(text);
    if (!dtype) {
      const bool is_quantized = text.starts_with("F8_") || text.starts_with("F4");
      fail_unsupported("{}: tensor {}: dtype {} is not supported{}",
                       what_,
                       show(entry_.name),
                       show(text),
                       is_quantized ? ": the weights are quantized; use the model they were made "
                                      "from, or dequantize them and save again"
                                    : "; expected F64, F32, F16, BF16, I64, I32, I16, I8, U8 or "
                                      "BOOL");
    }
    entry_.dtype = *dtype;
    has_dtype_ = true;
  }

  // An entry is complete when its object ends. Arrays that are absent and arrays that are empty
  // look alike in `entry_`, so an absent shape is told by the flag.
  void finish_entry() {
    LINSCAN_CHECK(has_dtype_, kInput, "{}: tensor {}: has no dtype", what_, show(entry_.name));
    LINSCAN_CHECK(has_shape_, kInput, "{}: tensor {}: has no shape", what_, show(entry_.name));
    LINSCAN_CHECK(offsets_.size() == 2,
                  kInput,
                  "{}: tensor {}: expected two data_offsets, got {}",
                  what_,
                  show(entry_.name),
                  offsets_.size());
    entry_.begin = offsets_[0];
    entry_.end = offsets_[1];
    LINSCAN_CHECK(entry_.begin <= entry_.end,
                  kInput,
                  "{}: tensor {}: data_offsets [{}, {}] end before they begin",
                  what_,
                  show(entry_.name),
                  entry_.begin,
                  entry_.end);
    const int64_t expected = tensor_bytes(entry_.dtype, entry_.shape);
    LINSCAN_CHECK(expected >= 0,
                  kInput,
                  "{}: tensor {}: the shape overflows 63 bits",
                  what_,
                  show(entry_.name));
    LINSCAN_CHECK(
        entry_.end - entry_.begin == expected,
        kInput,
        "{}: tensor {}: data_offsets [{}, {}] hold {} bytes, but shape [{}] of {} needs {}",
        what_,
        show(entry_.name),
        entry_.begin,
        entry_.end,
        entry_.end - entry_.begin,
        fmt::join(entry_.shape, ", "),
        linscan::name(entry_.dtype),
        expected);
    header_.entries.push_back(std::exchange(entry_, {}));
    offsets_.clear();
    has_dtype_ = has_shape_ = false;
  }

  [[noreturn]] void refuse(std::string_view got) const {
    switch (place_) {
      case Place::kDocument:
        fail_input("{}: the header is {}, expected a JSON object", what_, got);
      case Place::kRoot:
        fail_input("{}: {}: got {}, expected an object", what_, show(entry_.name), got);
      case Place::kMetadata:
        fail_input("{}: {}: {}: got {}, expected a string", what_, kMetadataKey, show(field_), got);
      case Place::kEntry:
        fail_input("{}: tensor {}: {}: got {}, expected {}",
                   what_,
                   show(entry_.name),
                   field_,
                   got,
                   field_ == "dtype" ? "a string" : "an array of integers");
      case Place::kShape:
      case Place::kOffsets:
        break;
    }
    fail_input("{}: tensor {}: {}: got {}, expected integers from 0 on",
               what_,
               show(entry_.name),
               field_,
               got);
  }

  std::string_view what_;
  SafetensorsHeader header_;
  Place place_ = Place::kDocument;
  HeaderEntry entry_;  // being read; its name is set by the key of the root object
  std::string field_;  // the key inside an entry or the metadata
  std::vector<int64_t> offsets_;
  bool has_dtype_ = false;
  bool has_shape_ = false;
};

}  // namespace

SafetensorsHeader parse_header(std::string_view text, std::string_view what) {
  HeaderHandler handler(what);
  parse_json_events(text, what, handler);
  return handler.take();
}

std::string format_header(const SafetensorsHeader& header) {
  // Written by hand but for the strings: one Json object with all entries would be quadratic in
  // their number.
  const auto text = [](std::string_view raw) { return nlohmann::json(raw).dump(); };
  std::string out =
      fmt::format("{{\"{}\":{}", kMetadataKey, nlohmann::json(header.metadata).dump());
  for (const HeaderEntry& entry : header.entries) {
    out += fmt::format(",{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                       text(entry.name),
                       name(entry.dtype),
                       fmt::join(entry.shape, ","),
                       entry.begin,
                       entry.end);
  }
  return out + "}";
}

int64_t tensor_bytes(DType dtype, const std::vector<int64_t>& shape) {
  int64_t bytes = item_size(dtype);
  for (const int64_t size : shape) {
    if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes)) {
      return -1;
    }
  }
  return bytes;
}

std::string_view reject_name(std::string_view name) {
  const auto is_control = [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; };
  if (name.empty()) {
    return "is empty";
  }
  if (name.size() > kMaxNameBytes) {
    return "is longer than 4096 bytes";
  }
  if (std::any_of(name.begin(), name.end(), is_control)) {
    return "has control characters";
  }
  return name == kMetadataKey ? "is reserved" : "";
}

int64_t require_writable_entry(const TensorEntry& entry, std::string_view what) {
  const std::string_view problem = reject_name(entry.name);
  LINSCAN_CHECK(
      problem.empty(), kInternal, "{}: tensor name {} {}", what, show(entry.name), problem);
  const int64_t bytes = tensor_bytes(entry.dtype, entry.shape);
  LINSCAN_CHECK(bytes >= 0,
                kInternal,
                "{}: tensor {}: impossible shape [{}]",
                what,
                show(entry.name),
                fmt::join(entry.shape, ", "));
  return bytes;
}

}  // namespace linscan
