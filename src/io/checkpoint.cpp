#include "linscan/io/checkpoint.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "io/checkpoint_index.h"
#include "io/json_events.h"
#include "io/names.h"
#include "io/other_forms.h"
#include "io/quantization.h"
#include "linscan/base/error.h"
#include "linscan/base/log.h"
#include "linscan/io/safetensors.h"
#include "linscan/io/torch_file.h"

namespace linscan {
namespace fs = std::filesystem;
namespace {

// A form of weights: all in one file, else in the shards that an index names.
struct Form {
  const char* single;
  const char* index;
  WeightsFile (*open)(const fs::path&);
};

WeightsFile open_safetensors(const fs::path& path) {
  return SafetensorsFile::open(path);
}

WeightsFile open_torch(const fs::path& path) {
  return TorchFile::open(path);
}

// In the order in which transformers looks for them.
constexpr Form kForms[] = {
    {"model.safetensors", "model.safetensors.index.json", open_safetensors},
    {"pytorch_model.bin", "pytorch_model.bin.index.json", open_torch},
};

constexpr int64_t kMaxConfigBytes = 4 << 20;  // real ones are far below 1 MB

bool is_file(const fs::path& path) {
  std::error_code ec;
  return fs::is_regular_file(path, ec);
}

void require_folder(const fs::path& folder) {
  std::error_code ec;
  const fs::file_status status = fs::status(folder, ec);
  if (!fs::exists(status)) {
    fail_input("{}: no such folder; expected a checkpoint folder with config.json and weights",
               folder.string());
  }
  if (!fs::is_directory(status)) {
    fail_input("{}: is a file; expected the checkpoint folder that holds config.json and weights",
               folder.string());
  }
}

Json read_config(const fs::path& folder) {
  const fs::path path = folder / "config.json";
  if (!is_file(path)) {
    refuse_other_forms(folder);
    fail_input("{}: has no config.json; expected a HuggingFace checkpoint folder", folder.string());
  }
  Json config = read_json_file(path, kMaxConfigBytes);
  LINSCAN_CHECK(config.is_object(),
                kInput,
                "{}: is a JSON {}, expected an object",
                path.string(),
                config.type_name());
  return config;
}

[[noreturn]] void fail_without_weights(const fs::path& folder) {
  refuse_other_forms(folder);
  std::vector<std::string_view> looked_for;
  for (const Form& form : kForms) {
    looked_for.push_back(form.single);
    looked_for.push_back(form.index);
  }
  fail_input("{}: has no weights; looked for {}", folder.string(), fmt::join(looked_for, ", "));
}

// Bytes of all tensors, those that several share counted once.
int64_t distinct_bytes(std::vector<const TensorView*> tensors) {
  const auto place = [](const TensorView* tensor) {
    return std::pair(tensor->file.get(), tensor->offset);
  };
  std::ranges::sort(tensors, {}, place);
  int64_t total = 0;
  std::pair<const MappedFile*, int64_t> counted(nullptr, 0);  // of this file up to here
  for (const TensorView* tensor : tensors) {
    const auto [file, offset] = place(tensor);
    const int64_t begin = file == counted.first ? std::max(offset, counted.second) : offset;
    const int64_t end = std::max(begin, offset + tensor->bytes);
    total += end - begin;
    counted = {file, end};
  }
  return total;
}

const std::string& name_of(const TensorView* tensor) {
  return tensor->name;
}

}  // namespace

// Everything an open checkpoint knows.
struct Checkpoint::State {
  fs::path folder;
  Json config;
  std::vector<WeightsFile> files;          // sorted by name
  std::vector<fs::path> paths;             // of `files`
  std::vector<const TensorView*> tensors;  // into `files`, sorted by name
  std::map<std::string, std::string> metadata;
  int64_t total_bytes = 0;

  // Shards are of the form of their index.
  void open_files(const std::vector<std::string>& names, const Form& form) {
    files.reserve(names.size());
    for (const std::string& name : names) {
      files.push_back(form.open(folder / name));
      paths.push_back(folder / name);
      metadata.insert(files.back().metadata().begin(), files.back().metadata().end());
    }
  }

  void take_all() {
    for (const WeightsFile& file : files) {
      for (const TensorView& tensor : file.tensors()) {
        tensors.push_back(&tensor);
      }
    }
    std::ranges::sort(tensors, {}, name_of);
  }

  // One form of weights, in a single file or in shards; false where the folder has neither.
  bool open_form(const Form& form);

  // The tensors the index maps, and those that only one shard has.
  void take_indexed(const CheckpointIndex& index, const fs::path& index_path);
};

void Checkpoint::State::take_indexed(const CheckpointIndex& index, const fs::path& index_path) {
  std::vector<std::string> missing;
  for (const auto& [name, shard] : index.weight_map) {
    const auto at = std::ranges::lower_bound(paths, folder / shard);
    const TensorView* tensor = files[static_cast<size_t>(at - paths.begin())].find(name);
    if (tensor == nullptr) {
      missing.push_back(name);
    } else {
      tensors.push_back(tensor);  // the weight_map is sorted by name
    }
  }
  LINSCAN_CHECK(missing.empty(),
                kInput,
                "{}: {} tensors are not in the shard that weight_map names for them: {}",
                index_path.string(),
                missing.size(),
                listed(missing));

  std::map<std::string_view, const TensorView*> extra;
  for (const WeightsFile& file : files) {
    for (const TensorView& tensor : file.tensors()) {
      if (std::ranges::binary_search(index.weight_map, tensor.name, {}, [](const auto& entry) {
            return std::string_view(entry.first);
          })) {
        continue;
      }
      const auto [other, is_new] = extra.emplace(tensor.name, &tensor);
      LINSCAN_CHECK(is_new,
                    kInput,
                    "{}: does not say whether tensor {} is in {} or in {}",
                    index_path.string(),
                    show(tensor.name),
                    other->second->file->path().filename().string(),
                    tensor.file->path().filename().string());
    }
  }
  std::vector<std::string> unlisted;
  for (const auto& [name, tensor] : extra) {
    unlisted.emplace_back(name);
    tensors.push_back(tensor);
  }
  if (!unlisted.empty()) {
    log::warn("{}: does not list {} tensors that its shards hold; using them all the same: {}",
              index_path.string(),
              unlisted.size(),
              listed(unlisted));
    std::ranges::sort(tensors, {}, name_of);
  }
}

bool Checkpoint::State::open_form(const Form& form) {
  const fs::path index_path = folder / form.index;
  if (is_file(folder / form.single)) {
    open_files({form.single}, form);
    take_all();
    return true;
  }
  if (!is_file(index_path)) {
    return false;
  }
  const CheckpointIndex index = read_checkpoint_index(index_path);
  std::vector<std::string> absent;
  std::ranges::copy_if(index.shards, std::back_inserter(absent), [&](const std::string& shard) {
    return !is_file(folder / shard);
  });
  LINSCAN_CHECK(absent.empty(),
                kInput,
                "{}: {} of {} shards are not in the folder: {}",
                index_path.string(),
                absent.size(),
                index.shards.size(),
                listed(absent));
  open_files(index.shards, form);
  take_indexed(index, index_path);
  return true;
}

Checkpoint Checkpoint::open(const fs::path& folder) {
  require_folder(folder);
  auto state = std::make_shared<State>();
  state->folder = folder;
  state->config = read_config(folder);
  refuse_quantized_config(state->config, folder);
  const bool found =
      std::ranges::any_of(kForms, [&](const Form& form) { return state->open_form(form); });
  if (!found) {
    fail_without_weights(folder);
  }
  refuse_quantized_tensors(state->tensors, folder);
  state->total_bytes = distinct_bytes(state->tensors);
  return Checkpoint(std::move(state));
}

const fs::path& Checkpoint::folder() const {
  return state_->folder;
}

const Json& Checkpoint::config() const {
  return state_->config;
}

std::vector<std::string> Checkpoint::names() const {
  std::vector<std::string> names;
  names.reserve(state_->tensors.size());
  std::ranges::transform(state_->tensors, std::back_inserter(names), name_of);
  return names;
}

const TensorView* Checkpoint::find(std::string_view name) const {
  const auto at = std::ranges::lower_bound(state_->tensors, name, {}, [](const TensorView* tensor) {
    return std::string_view(tensor->name);
  });
  return at != state_->tensors.end() && (*at)->name == name ? *at : nullptr;
}

const TensorView& Checkpoint::at(std::string_view name) const {
  const TensorView* tensor = find(name);
  LINSCAN_CHECK(
      tensor != nullptr, kInput, "{}: has no tensor {}", state_->folder.string(), show(name));
  return *tensor;
}

const std::map<std::string, std::string>& Checkpoint::metadata() const {
  return state_->metadata;
}

const std::vector<fs::path>& Checkpoint::files() const {
  return state_->paths;
}

int64_t Checkpoint::total_bytes() const {
  return state_->total_bytes;
}

std::string Checkpoint::weights_sha256() const {
  return WeightsDigest().finish(*this);
}

}  // namespace linscan
