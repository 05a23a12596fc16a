#include "linscan/model/model_writer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/model/weight_map.h"
#include "model/export_config.h"

namespace linscan {
namespace {

// Between two pieces an interrupt is noticed.
constexpr int64_t kPieceBytes = int64_t{64} << 20;

// A tensor of the written folder: copied from the source or, where `weight` is there, made of it.
struct Output {
  TensorEntry entry;
  const TensorView* stored = nullptr;
  const at::Tensor* weight = nullptr;
  Transform transform = Transform::kNone;
};

// As transformers lists its parameters: what comes before the blocks, the blocks, what comes after.
int stage_of(Slot slot) {
  return is_block_slot(slot) ? 1 : slot < Slot::kFinalNormWeight ? 0 : 2;
}

DType dtype_of(const at::Tensor& weight, const std::string& name) {
  switch (weight.scalar_type()) {
    case at::kDouble:
      return DType::kF64;
    case at::kFloat:
      return DType::kF32;
    case at::kHalf:
      return DType::kF16;
    case at::kBFloat16:
      return DType::kBF16;
    default:
      break;
  }
  fail(ErrorKind::kInternal, "{}: a weight that is not floating point", name);
}

// Lists what is written, in the order of parameters in transformers.
class Outputs {
 public:
  // `family`: that of the new folder, which may be another than the source's.
  Outputs(const EditedModel& model, const Family& family) : model_(model), family_(family) {
    const std::string_view prefix =
        &family == model.source->family ? model.source->weights.prefix() : family.prefixes.front();
    std::vector<WantedTensor> wanted =
        wanted_tensors(model.config, weight_rows(family, model.config), prefix);
    std::ranges::stable_sort(wanted, {}, [](const WantedTensor& tensor) {
      return std::pair(stage_of(tensor.key.slot), tensor.key);
    });
    for (WantedTensor& tensor : wanted) {
      add(std::move(tensor));
    }
    check_all_used();
  }

  const std::vector<Output>& list() const { return outputs_; }
  std::vector<TensorEntry> entries() const {
    std::vector<TensorEntry> entries;
    for (const Output& output : outputs_) {
      entries.push_back(output.entry);
    }
    return entries;
  }

 private:
  void add(WantedTensor tensor) {
    const bool in_block = tensor.key.block != kOutsideBlocks;
    WeightKey key = tensor.key;  // by the source's block
    if (in_block) {
      key.block = model_.blocks[static_cast<size_t>(tensor.key.block)];
    }
    if (!added_.insert(key).second) {
      return;  // another name of the same weight
    }
    const MappedWeight* stored = model_.source->weights.find(key.slot, key.block, key.index);
    const bool same_names = &family_ == model_.source->family;
    Output output{{.name = tensor.name, .shape = tensor.shape}, nullptr, nullptr, tensor.transform};
    if (stored != nullptr && same_names) {
      output.entry.name = model_.source->weights.name(key, tensor.key.block);
      output.transform = stored->transform;
    }
    const auto edited = model_.weights.find(key);
    const bool is_edited = edited != model_.weights.end();
    LINSCAN_CHECK(is_edited || stored != nullptr,
                  kInternal,
                  "the edited model has no weight {} in block {}",
                  name(key.slot),
                  key.block);
    if (stored != nullptr && !written_.insert(stored->tensor).second) {
      return;  // the matrix of a tied head has two keys
    }
    if (is_edited) {
      output.weight = &edited->second;
      output.entry.dtype = dtype_of(edited->second, output.entry.name);
    } else {
      output.stored = stored->tensor;
      output.entry.dtype = stored->tensor->dtype;
    }
    outputs_.push_back(std::move(output));
  }

  void check_all_used() const {
    for (const auto& [key, weight] : model_.weights) {
      LINSCAN_CHECK(added_.contains(key),
                    kInternal,
                    "the edited model has a weight {} of block {} that nothing reads",
                    name(key.slot),
                    key.block);
    }
  }

  const EditedModel& model_;
  const Family& family_;
  std::set<WeightKey> added_;
  std::set<const TensorView*> written_;  // those that are copied, and those that are replaced
  std::vector<Output> outputs_;
};

void write_weight(CheckpointWriter& writer, const Output& output, const DecoderConfig& config) {
  const at::Tensor stored =
      encode_weight(*output.weight, output.transform, config).to(at::kCPU).contiguous();
  const std::vector<int64_t> shape = stored.sizes().vec();
  LINSCAN_CHECK(shape == output.entry.shape,
                kInternal,
                "{}: a weight of shape ({}) for a tensor of shape ({})",
                output.entry.name,
                fmt::join(shape, ", "),
                fmt::join(output.entry.shape, ", "));
  writer.write(
      output.entry.name, 0, stored.const_data_ptr(), static_cast<int64_t>(stored.nbytes()));
}

void copy_tensor(CheckpointWriter& writer, const Output& output) {
  const TensorView& tensor = *output.stored;
  for (int64_t at = 0; at < tensor.bytes; at += kPieceBytes) {
    writer.write(
        output.entry.name, at, tensor.data() + at, std::min(kPieceBytes, tensor.bytes - at));
  }
  tensor.release();
}

void check_blocks(const EditedModel& model) {
  std::set<int64_t> distinct;
  for (const int64_t block : model.blocks) {
    LINSCAN_CHECK(
        block >= 0 && block < model.source->config.blocks() && distinct.insert(block).second,
        kInternal,
        "block {} is there twice or is none of {}",
        block,
        model.source->config.blocks());
  }
  LINSCAN_CHECK(model.config.blocks() == static_cast<int64_t>(model.blocks.size()),
                kInternal,
                "{} blocks are configured and {} are there",
                model.config.blocks(),
                model.blocks.size());
}

// A block of Nemotron-NAS in place of a map: see nemotron_blocks. Its MLP adds nothing.
void add_zero_mlp(EditedModel& model, size_t block) {
  const int64_t width = model.config.hidden;
  const int64_t mlp = model.config.mlp_size(static_cast<int64_t>(block));
  const auto put = [&](Slot slot, const at::Tensor& weight) {
    const WeightKey key{model.blocks[block], slot};
    model.weights.insert_or_assign(key, weight.to(stored_dtype(*model.source, key)));
  };
  put(Slot::kMlpNormWeight, at::ones({width}));
  put(Slot::kGateWeight, at::zeros({mlp, width}));
  put(Slot::kUpWeight, at::zeros({mlp, width}));
  put(Slot::kDownWeight, at::zeros({width, mlp}));
}

// The model as a form says it: the same function, perhaps in other blocks.
EditedModel in_form(const EditedModel& model, ExportForm form) {
  EditedModel formed = model;
  if (form == ExportForm::kNemotron) {
    formed.config = nemotron_blocks(model.config);
    for (size_t block = 0; block < model.blocks.size(); ++block) {
      if (model.config.per_block[block].form == BlockForm::kNormedLinear) {
        add_zero_mlp(formed, block);
      }
    }
  }
  return formed;
}

ExportedConfig exported_config(const EditedModel& formed, ExportForm form) {
  const EditedConfig edited{
      formed.source->checkpoint.config(), *formed.source->family, formed.config, formed.blocks};
  switch (form) {
    case ExportForm::kStock:
      return stock_config(edited);
    case ExportForm::kRemoteCode:
      return remote_code_config(edited);
    case ExportForm::kNemotron:
      return nemotron_config(edited);
  }
  fail(ErrorKind::kInternal, "unknown export form");
}

// One class is what transformers takes for a regression: the score of a reward model.
void name_classes(Json& config, const std::vector<std::string>& classes) {
  Json names = Json::object();
  Json places = Json::object();
  for (size_t i = 0; i < classes.size(); ++i) {
    names[std::to_string(i)] = classes[i];
    places[classes[i]] = i;
  }
  config["id2label"] = std::move(names);
  config["label2id"] = std::move(places);
}

}  // namespace

std::string_view name(ExportForm form) {
  switch (form) {
    case ExportForm::kStock:
      return "stock";
    case ExportForm::kRemoteCode:
      return "remote-code";
    case ExportForm::kNemotron:
      return "nemotron";
  }
  return "";
}

std::string why_not(const EditedModel& model, ExportForm form) {
  check_blocks(model);
  try {
    exported_config(in_form(model, form), form);
    return "";
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported) {
      throw;
    }
    return error.what();
  }
}

void write_model(const EditedModel& model,
                 const std::filesystem::path& folder,
                 ExportForm form,
                 CheckpointWriterOptions options,
                 const Classifier* classifier) {
  check_blocks(model);
  const EditedModel formed = in_form(model, form);
  ExportedConfig exported = exported_config(formed, form);
  options.source = model.source->checkpoint.folder();
  options.left_behind.push_back(kModelingFile);
  const std::map<std::string, std::string> additional = std::exchange(options.files, {});
  const Outputs outputs(formed, find_family(exported.config, "exported config.json"));
  std::vector<TensorEntry> entries = outputs.entries();
  if (classifier != nullptr) {
    name_classes(exported.config, classifier->classes);
    entries.push_back(
        {std::string(kClassifierName), DType::kF32, classifier->weight.sizes().vec()});
  }
  CheckpointWriter writer(folder, std::move(entries), std::move(options));
  for (const Output& output : outputs.list()) {
    check_interrupt();
    if (output.weight != nullptr) {
      write_weight(writer, output, formed.config);
    } else {
      copy_tensor(writer, output);
    }
  }
  if (classifier != nullptr) {
    const at::Tensor weight = classifier->weight.contiguous();
    writer.write(
        kClassifierName, 0, weight.const_data_ptr(), static_cast<int64_t>(weight.nbytes()));
  }
  for (const auto& [name, content] : exported.files) {
    writer.add_file(name, content);
  }
  for (const auto& [name, content] : additional) {
    writer.add_file(name, content);
  }
  writer.commit(exported.config);
}

}  // namespace linscan
