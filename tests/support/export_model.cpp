// export_model SOURCE OUT EXPORT_FORM BLOCK[:FORM[+bias]]...
//
// Writes a model that has the given blocks of the source, each in the given form (as the source has
// it where none is named) with a seeded random map, for the tests that open the folder.
// "full+bias": all MLPs get biases, that of this block one that is not zero. EXPORT_FORM "why"
// writes nothing: it prints one line for each export form, the reason why it is not legal or "yes".
#include <ATen/ATen.h>

#include <cmath>
#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "linscan/model/model.h"
#include "linscan/model/model_writer.h"
#include "linscan/model/weights.h"

namespace {

using linscan::BlockForm;
using linscan::ExportForm;

template <typename Enum>
Enum by_name(const std::string& text, std::initializer_list<Enum> values) {
  for (const Enum value : values) {
    if (text == linscan::name(value)) {
      return value;
    }
  }
  throw std::runtime_error("unknown form " + text);
}

at::Tensor random_weight(std::vector<int64_t> shape, int64_t seed, at::ScalarType dtype) {
  at::Generator generator = at::detail::createCPUGenerator(static_cast<uint64_t>(seed));
  const double scale = 0.4 / std::sqrt(static_cast<double>(shape.back()));
  return (at::randn(shape, generator) * scale).to(dtype);
}

// "2:linear+bias"
void add_block(linscan::EditedModel& model, std::string text) {
  const linscan::Model& source = *model.source;
  const bool bias = text.ends_with("+bias");
  text.resize(text.size() - (bias ? 5 : 0));
  const size_t colon = text.find(':');
  const int64_t block = std::stoll(text.substr(0, colon));
  linscan::BlockConfig own = source.config.per_block.at(static_cast<size_t>(block));
  model.blocks.push_back(block);
  if (colon != std::string::npos) {
    own.form = by_name<BlockForm>(text.substr(colon + 1),
                                  {BlockForm::kFull,
                                   BlockForm::kLinear,
                                   BlockForm::kNormedLinear,
                                   BlockForm::kLinearAttention,
                                   BlockForm::kNoAttention});
    own.map_bias = bias;
    const int64_t width = source.config.hidden;
    const auto add = [&](linscan::Slot slot, std::vector<int64_t> shape) {
      const linscan::WeightKey key{block, slot};
      model.weights.emplace(key,
                            random_weight(std::move(shape),
                                          1000 * static_cast<int64_t>(slot) + block,
                                          linscan::stored_dtype(*model.source, key)));
    };
    if (bias && !own.has_map()) {
      own.map_bias = false;
      model.config.mlp_bias = true;
      add(linscan::Slot::kDownBias, {width});
    } else if (bias) {
      add(linscan::Slot::kMapBias, {width});
    }
    if (own.has_map()) {
      add(linscan::Slot::kMapWeight, {width, width});
    }
  }
  model.config.per_block.push_back(own);
}

// Biases that config.json says are there.
void add_zero_biases(linscan::EditedModel& model) {
  const bool added = model.config.mlp_bias && !model.source->config.mlp_bias;
  for (size_t i = 0; added && i < model.blocks.size(); ++i) {
    for (const auto& [slot, size] : {std::pair(linscan::Slot::kGateBias, model.config.mlp),
                                     std::pair(linscan::Slot::kUpBias, model.config.mlp),
                                     std::pair(linscan::Slot::kDownBias, model.config.hidden)}) {
      const linscan::WeightKey key{model.blocks[i], slot};
      if (model.source->weights.find(slot, key.block) == nullptr) {
        model.weights.emplace(key, at::zeros({size}, linscan::stored_dtype(*model.source, key)));
      }
    }
  }
}

void export_model(const std::vector<std::string>& arguments) {
  const linscan::Model source = linscan::open_model(arguments.at(0));
  linscan::EditedModel model{&source, source.config, {}, {}};
  model.config.per_block.clear();
  for (size_t i = 3; i < arguments.size(); ++i) {
    add_block(model, arguments[i]);
  }
  add_zero_biases(model);
  const auto forms = {ExportForm::kStock, ExportForm::kRemoteCode, ExportForm::kNemotron};
  if (arguments.at(2) == "why") {
    for (const ExportForm form : forms) {
      const std::string reason = linscan::why_not(model, form);
      std::printf("%s\n", reason.empty() ? "yes" : reason.c_str());
    }
    return;
  }
  linscan::write_model(model, arguments.at(1), by_name<ExportForm>(arguments.at(2), forms));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    export_model({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "export_model: error: %s\n", e.what());
    return 1;
  }
}
