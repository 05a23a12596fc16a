#include "linscan/io/torch_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "io/json_events.h"
#include "io/names.h"
#include "io/pickle.h"
#include "io/safetensors_header.h"
#include "io/strided.h"
#include "io/torch_tensor.h"
#include "io/weights_mapping.h"
#include "io/zip_archive.h"
#include "linscan/base/error.h"
#include "linscan/base/log.h"

namespace linscan {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxPickleBytes = 100'000'000;
constexpr int64_t kDirectoryBytes = 1 << 20;  // at the end of the file: holds 10,000 records
constexpr std::string_view kPickleName = "data.pkl";
// 0x1950a86a20f9469cfc6c, which torch pickles first in its older format.
constexpr std::string_view kLegacyMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

std::string advice_to_convert(const fs::path& path) {
  const std::string folder = path.parent_path().string();
  return fmt::format(
      "convert it with: python -c \"from transformers import AutoModelForCausalLM as M; "
      "M.from_pretrained('{0}', dtype='auto').save_pretrained('{0}-safetensors')\"",
      folder);
}

// Says what a file is that is no zip file.
[[noreturn]] void refuse_other_format(std::string_view bytes, const fs::path& path) {
  if (bytes.substr(0, 64).find(kLegacyMagic) != std::string_view::npos) {
    fail_unsupported("{}: is in the format of torch.save before release 1.6, which is not read; {}",
                     path.string(),
                     advice_to_convert(path));
  }
  if (bytes.size() > 262 && bytes.substr(257, 5) == "ustar") {
    fail_unsupported(
        "{}: is a tar file of torch before release 0.1.10, which is not read; load and save it "
        "again with a later torch",
        path.string());
  }
  fail_input(
      "{}: is no file of torch.save: it does not start like a zip file; it is damaged or something "
      "else under this name",
      path.string());
}

// The folder inside the archive that everything lies in, with its slash: "archive/".
std::string_view find_prefix(const ZipArchive& archive, const std::string& path) {
  std::optional<std::string_view> prefix;
  for (const std::string_view record : archive.names()) {
    const size_t slash = record.find('/');
    if (slash == std::string_view::npos || record.substr(slash + 1) != kPickleName) {
      continue;
    }
    LINSCAN_CHECK(!prefix,
                  kInput,
                  "{}: has both {} and {}; expected one checkpoint",
                  path,
                  show(std::string(*prefix) + std::string(kPickleName)),
                  show(record));
    prefix = record.substr(0, slash + 1);
  }
  LINSCAN_CHECK(prefix,
                kInput,
                "{}: is a zip file but no checkpoint of torch.save: it has no {}",
                path,
                kPickleName);
  return *prefix;
}

bool is_identifier(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

bool is_dict_of_tensors(const Pickle& pickle, PickleRef ref) {
  if (pickle.value(ref).kind != PickleKind::kDict) {
    return false;
  }
  const std::span<const PickleRef> entries = pickle.items(ref);
  for (size_t i = 1; i < entries.size(); i += 2) {
    if (is_torch_tensor(pickle, entries[i])) {
      return true;
    }
  }
  return false;
}

ZipArchive open_archive(const WeightsMapping& mapping, const fs::path& path) {
  const std::string_view bytes = mapping.text();
  if (!ZipArchive::is_zip(bytes)) {
    refuse_other_format(bytes, path);
  }
  const auto size = static_cast<int64_t>(bytes.size());
  const int64_t tail = std::min(size, kDirectoryBytes);
  mapping.file()->prefetch(size - tail, tail);
  return {bytes, path.string()};
}

// One file being opened.
class TorchReader {
 public:
  explicit TorchReader(const fs::path& path)
      : path_(path),
        mapping_(path),
        file_(mapping_.file()),
        archive_(open_archive(mapping_, path)),
        prefix_(find_prefix(archive_, path.string())) {}

  std::vector<TensorView> read();

 private:
  std::optional<std::string_view> record(std::string_view name) const;
  void refuse_script() const;
  void check_byte_order() const;
  void refuse_without_tensors(const Pickle& pickle) const;
  TensorView view(const Pickle& pickle, PickleRef ref, std::string_view name);
  ZipArchive::Range find_storage(const TorchTensor& tensor, const std::string& where);
  std::shared_ptr<MappedFile> copy_of(const TorchTensor& tensor, int64_t storage_offset);

  const fs::path& path_;
  WeightsMapping mapping_;
  std::shared_ptr<MappedFile> file_;
  ZipArchive archive_;
  std::string_view prefix_;
  std::map<std::string_view, std::optional<ZipArchive::Range>> storages_;  // by key, once looked up
  // Copies of tensors that are not row-major: the same one for the same elements.
  using Place = std::tuple<int64_t, int64_t, std::vector<int64_t>, std::vector<int64_t>>;
  std::map<Place, std::shared_ptr<MappedFile>> copies_;
};

// The bytes of a record, read at once.
std::optional<std::string_view> TorchReader::record(std::string_view name) const {
  const auto range = archive_.find(std::string(prefix_) + std::string(name));
  if (!range) {
    return std::nullopt;
  }
  LINSCAN_CHECK(range->bytes <= kMaxPickleBytes,
                kInput,
                "{}: {} has {} bytes, more than {}",
                path_.string(),
                name,
                range->bytes,
                kMaxPickleBytes);
  file_->prefetch(range->offset, range->bytes);
  return mapping_.text().substr(static_cast<size_t>(range->offset),
                                static_cast<size_t>(range->bytes));
}

void TorchReader::refuse_script() const {
  const std::string code = std::string(prefix_) + "code/";
  const std::string constants = std::string(prefix_) + "constants.pkl";
  const std::vector<std::string_view> records = archive_.names();
  const bool is_script = std::ranges::any_of(
      records, [&](std::string_view name) { return name == constants || name.starts_with(code); });
  if (is_script) {
    fail_unsupported(
        "{0}: is a TorchScript program, expected weights alone; save its weights with: python -c "
        "\"import torch; torch.save(torch.jit.load('{0}').state_dict(), 'pytorch_model.bin')\"",
        path_.string());
  }
}

void TorchReader::check_byte_order() const {
  const std::string_view order = record("byteorder").value_or("little");  // before torch 2.1
  LINSCAN_CHECK(order == "little",
                kUnsupported,
                "{}: its byte order is {}, expected \"little\"; save it again on a machine of that "
                "byte order",
                path_.string(),
                show(order));
}

// A training checkpoint keeps the state dict under a key of its own.
void TorchReader::refuse_without_tensors(const Pickle& pickle) const {
  const std::span<const PickleRef> entries = pickle.items(pickle.root());
  std::set<PickleRef> seen;  // one dict may be there under a million keys
  for (size_t i = 0; i + 1 < entries.size(); i += 2) {
    const PickleValue& key = pickle.value(entries[i]);
    if (key.kind == PickleKind::kText && seen.insert(entries[i + 1]).second &&
        is_dict_of_tensors(pickle, entries[i + 1])) {
      // Only a plain key goes into a command that people copy.
      fail_unsupported(
          "{}: holds its tensors under the key {}, expected a dict of tensors; take them out{}",
          path_.string(),
          show(key.text),
          is_identifier(key.text)
              ? fmt::format(" with: python -c \"import torch; torch.save(torch.load('{}', "
                            "weights_only=True)['{}'], 'pytorch_model.bin')\"",
                            path_.string(),
                            key.text)
              : "");
    }
  }
  fail_input("{}: holds no tensors", path_.string());
}

std::shared_ptr<MappedFile> TorchReader::copy_of(const TorchTensor& tensor,
                                                 int64_t storage_offset) {
  const int64_t size = item_size(tensor.dtype);
  const StridedLayout& layout = tensor.layout;
  std::shared_ptr<MappedFile>& copy =
      copies_[{storage_offset + layout.offset * size, size, layout.shape, layout.strides}];
  if (copy == nullptr) {
    const auto fill = [file = file_, layout, size, storage_offset](std::span<std::byte> to) {
      const int64_t begin = storage_offset + layout.offset * size;
      const int64_t bytes = (layout.end() - layout.offset) * size;
      file->prefetch(begin, bytes);  // in order, which the copy does not read in
      copy_row_major(layout, size, file->bytes().data() + storage_offset, to.data());
      file->release(begin, bytes);
    };
    copy = MappedFile::make_on_use(path_, tensor.bytes, fill);
  }
  return copy;
}

// Where a tensor's storage lies, after its size has been checked.
ZipArchive::Range TorchReader::find_storage(const TorchTensor& tensor, const std::string& where) {
  const auto [found, is_new] = storages_.try_emplace(tensor.storage);
  if (is_new) {
    found->second = archive_.find(fmt::format("{}data/{}", prefix_, tensor.storage));
  }
  if (!found->second) {
    fail_input("{}: its storage {} is not in the file", where, show(tensor.storage));
  }
  const ZipArchive::Range range = *found->second;
  const int64_t elements = range.bytes / item_size(tensor.dtype);
  LINSCAN_CHECK(elements == tensor.storage_elements,
                kInput,
                "{}: its storage {} has {} bytes, which are {} elements of {}, not {}",
                where,
                show(tensor.storage),
                range.bytes,
                elements,
                linscan::name(tensor.dtype),
                tensor.storage_elements);
  return range;
}

TensorView TorchReader::view(const Pickle& pickle, PickleRef ref, std::string_view name) {
  const std::string where = fmt::format("{}: tensor {}", path_.string(), show(name));
  const TorchTensor tensor = read_torch_tensor(pickle, ref, where);
  const ZipArchive::Range storage = find_storage(tensor, where);
  TensorView view{.name = std::string(name),
                  .dtype = tensor.dtype,
                  .shape = tensor.layout.shape,
                  .file = file_,
                  .offset = storage.offset,
                  .bytes = tensor.bytes};
  if (tensor.bytes == 0) {
    return view;
  }
  if (tensor.layout.is_row_major()) {
    view.offset += tensor.layout.offset * item_size(tensor.dtype);
  } else {
    view.file = copy_of(tensor, storage.offset);
    view.offset = 0;
  }
  return view;
}

std::vector<TensorView> TorchReader::read() {
  refuse_script();
  check_byte_order();
  const Pickle pickle = Pickle::read(
      *record(kPickleName), fmt::format("{}: {}", path_.string(), kPickleName), find_torch_global);
  const PickleKind kind = pickle.value(pickle.root()).kind;
  LINSCAN_CHECK(kind == PickleKind::kDict,
                kUnsupported,
                "{}: holds {}, expected a dict of tensors (the state_dict of a model)",
                path_.string(),
                is_torch_tensor(pickle, pickle.root()) ? "a tensor" : name(kind));

  const std::span<const PickleRef> entries = pickle.items(pickle.root());
  std::vector<TensorView> tensors;
  std::vector<std::string> others;
  std::set<std::string_view> names;
  tensors.reserve(entries.size() / 2);
  for (size_t i = 0; i + 1 < entries.size(); i += 2) {
    const PickleValue& key = pickle.value(entries[i]);
    LINSCAN_CHECK(key.kind == PickleKind::kText,
                  kInput,
                  "{}: key {} of the dict is {}, expected a string",
                  path_.string(),
                  i / 2,
                  name(key.kind));
    LINSCAN_CHECK(names.insert(key.text).second,
                  kInput,
                  "{}: {} appears twice in the dict",
                  path_.string(),
                  show(key.text));
    if (!is_torch_tensor(pickle, entries[i + 1])) {
      others.emplace_back(key.text);
      continue;
    }
    const std::string_view problem = reject_name(key.text);
    LINSCAN_CHECK(
        problem.empty(), kInput, "{}: tensor name {} {}", path_.string(), show(key.text), problem);
    tensors.push_back(view(pickle, entries[i + 1], key.text));
  }
  if (tensors.empty() && !others.empty()) {
    refuse_without_tensors(pickle);
  }
  if (!others.empty()) {
    log::warn("{}: {} entries are no tensors and are left out, as transformers does: {}",
              path_.string(),
              others.size(),
              listed(others));
  }
  return tensors;
}

}  // namespace

TorchFile TorchFile::open(const fs::path& path) {
  return {path, TorchReader(path).read(), {}};
}

}  // namespace linscan
