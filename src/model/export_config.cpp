#include "model/export_config.h"

#include <algorithm>
#include <string_view>

#include "linscan/base/error.h"
#include "model/block_forms.h"
#include "model/config_surgery.h"
#include "model/modeling_code.h"

namespace linscan {
namespace {

constexpr const char* kArchitectures = "architectures";
constexpr const char* kAutoMap = "auto_map";
constexpr const char* kEditedClass = "LinscanForCausalLM";

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

// The class of transformers that the model is: hub files also spell it in other ways
// (MPTForCausalLM).
std::string transformers_class(const EditedConfig& model) {
  const std::string& declared = model.wanted.architecture;
  if (declared.empty()) {
    return std::string(model.family.architectures.front());
  }
  const auto same = std::ranges::find_if(model.family.architectures, [&](std::string_view name) {
    return lower(name) == lower(declared);
  });
  return same == model.family.architectures.end() ? declared : std::string(*same);
}

// The source's config.json as that of a model without edited blocks.
Json without_forms(const EditedConfig& model) {
  Json config = model.source;
  if (config.contains(kFormsKey)) {
    config.erase(std::string(kFormsKey));
    config.erase(kAutoMap);
    config[kArchitectures] = Json::array({model.wanted.architecture});
  }
  return config;
}

}  // namespace

ExportedConfig stock_config(const EditedConfig& model) {
  for (size_t block = 0; block < model.blocks.size(); ++block) {
    const BlockForm form = model.wanted.per_block[block].form;
    LINSCAN_CHECK(form == BlockForm::kFull,
                  kUnsupported,
                  "block {} (block {} of the source) has the form \"{}\", which no stock "
                  "architecture has",
                  block,
                  model.blocks[block],
                  name(form));
  }
  return {edit_config(without_forms(model), model.wanted, model.blocks), {}};
}

ExportedConfig remote_code_config(const EditedConfig& model) {
  const std::string architecture = transformers_class(model);
  LINSCAN_CHECK(model.source.contains("model_type"),
                kUnsupported,
                "config.json of the source has no model_type, which transformers needs to read it");
  const BlockNames names = block_names(model.family, model.wanted);
  for (size_t block = 0; block < model.blocks.size(); ++block) {
    const bool normed = model.wanted.per_block[block].form == BlockForm::kNormedLinear;
    LINSCAN_CHECK(!normed || (model.wanted.has_input_norms() && !names.input_norm.empty()),
                  kUnsupported,
                  "block {} (block {} of the source) has the form \"{}\", but a {} model has no "
                  "norm before its attention",
                  block,
                  model.blocks[block],
                  name(BlockForm::kNormedLinear),
                  model.family.name);
  }
  Json config = without_forms(model);
  config[kArchitectures] = Json::array({kEditedClass});
  config[kAutoMap] = {{"AutoModelForCausalLM", std::string("modeling_linscan.") + kEditedClass}};
  config[std::string(kFormsKey)] = forms_object(model.family, model.wanted, architecture);
  return {edit_config(config, model.wanted, model.blocks),
          {{kModelingFile, modeling_code(architecture)}}};
}

}  // namespace linscan
