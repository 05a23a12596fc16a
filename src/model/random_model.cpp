#include "linscan/model/random_model.h"

#include <ATen/ATen.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/base/random.h"
#include "linscan/model/family.h"
#include "linscan/model/weight_map.h"
#include "model/config_reader.h"

namespace linscan {
namespace {

double spread(const Json& config, std::string_view where) {
  const ConfigReader reader(config, where);
  for (const char* key : {"initializer_range", "init_std", "initializer_factor"}) {
    if (reader.has(key)) {
      return reader.positive_or(key, 0.02);
    }
  }
  return 0.02;
}

DType stored_dtype(const DecoderConfig& config, std::string_view where) {
  if (config.dtype.empty() || config.dtype == "float32") {
    return DType::kF32;
  }
  LINSCAN_CHECK(config.dtype == "bfloat16",
                kInput,
                "{}: torch_dtype '{}': fresh weights are float32 or bfloat16",
                where,
                config.dtype);
  return DType::kBF16;
}

bool is_bias(Slot slot) {
  return name(slot).ends_with("bias");
}

bool is_norm_weight(Slot slot) {
  return !is_bias(slot) && name(slot).find("norm") != std::string_view::npos;
}

// Those whose output is added to the residual stream.
bool is_added(Slot slot) {
  return slot == Slot::kOutputWeight || slot == Slot::kDownWeight;
}

// What is stored of the model: one tensor for each weight, a tied head not by itself.
std::vector<WantedTensor> stored_tensors(const DecoderConfig& config, const Family& family) {
  std::vector<WantedTensor> tensors;
  std::set<WeightKey> taken;
  for (WantedTensor& tensor :
       wanted_tensors(config, weight_rows(family, config), family.prefixes.front())) {
    const bool tied = config.tied_head && tensor.key.slot == Slot::kHead;
    if (!tied && taken.insert(tensor.key).second) {
      tensors.push_back(std::move(tensor));
    }
  }
  return tensors;
}

}  // namespace

void write_random_model(const Json& config,
                        std::string_view where,
                        const std::filesystem::path& folder,
                        uint64_t seed,
                        CheckpointWriterOptions options) {
  const Family& family = find_family(config, where);
  const DecoderConfig decoder = read_decoder_config(config, where);
  const double deviation = spread(config, where);
  const double added = family.scaled_residuals
                           ? deviation / std::sqrt(2.0 * static_cast<double>(decoder.blocks()))
                           : deviation;
  const DType dtype = stored_dtype(decoder, where);
  const std::vector<WantedTensor> tensors = stored_tensors(decoder, family);
  std::vector<TensorEntry> entries;
  for (const WantedTensor& tensor : tensors) {
    entries.push_back({tensor.name, dtype, tensor.shape});
  }
  CheckpointWriter writer(folder, std::move(entries), std::move(options));
  Random seeds(seed);
  for (const WantedTensor& tensor : tensors) {
    check_interrupt();
    const Slot slot = tensor.key.slot;
    at::Tensor weight = at::zeros(tensor.shape);
    if (is_norm_weight(slot)) {
      weight.fill_(decoder.norm_unit_offset ? 0.0 : 1.0);
    } else if (!is_bias(slot)) {
      at::Generator generator = at::detail::createCPUGenerator(seeds.next());
      weight.normal_(0.0, is_added(slot) ? added : deviation, generator);
    }
    const at::Tensor stored = dtype == DType::kBF16 ? weight.to(at::kBFloat16) : weight;
    writer.write(tensor.name, 0, stored.const_data_ptr(), static_cast<int64_t>(stored.nbytes()));
  }
  writer.commit(config);
}

}  // namespace linscan
