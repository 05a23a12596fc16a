#include "model/export_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "linscan/base/error.h"
#include "model/block_forms.h"
#include "model/config_surgery.h"
#include "model/families/nemotron.h"
#include "model/families/shared.h"
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

// Throws Error(kUnsupported) for what the readers of Nemotron-NAS do not know, or know otherwise.
void require_nemotron(const EditedConfig& model) {
  const DecoderConfig& wanted = model.wanted;
  const auto require = [](bool holds, const std::string& reason) {
    LINSCAN_CHECK(holds, kUnsupported, "a Nemotron-NAS model {}", reason);
  };
  require(model.family.name == kLlamaFamily.name || model.family.name == kNemotronFamily.name,
          fmt::format("is a Llama; this one is of the family {}", model.family.name));
  require(!wanted.qkv_bias && !wanted.attention_output_bias && !wanted.mlp_bias, "has no biases");
  require(wanted.activation == Activation::kSilu, "has silu in its MLPs");
  require(wanted.query_size() == wanted.hidden,
          fmt::format("has heads of hidden_size / num_attention_heads; these have {}",
                      wanted.head_size));
  const RopeScaling scaling = wanted.rotaries.front().scaling;
  require(scaling == RopeScaling::kNone || scaling == RopeScaling::kLlama3,
          fmt::format("has rotary scaling \"llama3\" or none; this one has \"{}\"", name(scaling)));
  for (int64_t block = 0; block < wanted.blocks(); ++block) {
    const BlockConfig& own = wanted.per_block[static_cast<size_t>(block)];
    const auto in_block = [&](std::string_view text) {
      return fmt::format("{}: block {} (block {} of the source)",
                         text,
                         block,
                         model.blocks[static_cast<size_t>(block)]);
    };
    require(own.form != BlockForm::kLinear,
            in_block("has maps behind a norm only (form \"normed-linear\")"));
    require(!own.map_bias, in_block("has no bias in its maps"));
    require(!own.has_attention() || own.window == 0, in_block("has no attention window"));
    require(!own.has_mlp() || wanted.mlp_size(block) % kNemotronMlpStep == 0,
            in_block(fmt::format("has MLPs of a multiple of {} features, not {}",
                                 kNemotronMlpStep,
                                 wanted.mlp_size(block))));
  }
}

Json nemotron_block(const DecoderConfig& config, int64_t block) {
  const BlockConfig& own = config.per_block[static_cast<size_t>(block)];
  const Json none = nullptr;
  Json attention = {{"n_heads_in_group", none},
                    {"no_op", own.form == BlockForm::kNoAttention},
                    {"num_sink_tokens", none},
                    {"replace_with_linear", own.form == BlockForm::kLinearAttention},
                    {"sparsify", none},
                    {"unshifted_sink", false},
                    {"use_prefill_window_in_sink_attention", false},
                    {"window_length", none}};
  if (own.has_attention()) {
    attention["n_heads_in_group"] = config.heads / config.kv_heads;
  }
  const Json ffn = {{"ffn_mult", nemotron_multiplier(config.mlp_size(block), config.hidden)},
                    {"no_op", false},
                    {"replace_with_linear", false},
                    {"sparsify", none}};
  return {{"attention", std::move(attention)}, {"ffn", ffn}};
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
  LINSCAN_CHECK(
      model.family.name != kNemotronFamily.name,
      kUnsupported,
      "transformers has no class for Nemotron-NAS models; their own form is \"nemotron\"");
  Json config = without_forms(model);
  config[kArchitectures] = Json::array({kEditedClass});
  config[kAutoMap] = {{"AutoModelForCausalLM", std::string("modeling_linscan.") + kEditedClass}};
  config[std::string(kFormsKey)] = forms_object(model.family, model.wanted, architecture);
  return {edit_config(config, model.wanted, model.blocks),
          {{kModelingFile, modeling_code(architecture)}}};
}

DecoderConfig nemotron_blocks(const DecoderConfig& wanted) {
  DecoderConfig config = wanted;
  config.family = kNemotronFamily.name;
  config.architecture = kNemotronFamily.architectures.front();
  bool attends = false;
  int64_t largest = 0;
  for (int64_t block = 0; block < config.blocks(); ++block) {
    BlockConfig& own = config.per_block[static_cast<size_t>(block)];
    attends = attends || own.has_attention();
    const int64_t size = own.has_mlp() ? config.mlp_size(block) : kNemotronMlpStep;
    if (own.form == BlockForm::kNormedLinear) {
      own.form = BlockForm::kLinearAttention;
    }
    own.mlp = size;
    largest = std::max(largest, size);
  }
  // As it will be read: sizes that differ from the largest, and a number of key/value heads that
  // nothing has.
  config.mlp = largest;
  for (BlockConfig& own : config.per_block) {
    own.mlp = own.mlp == largest ? 0 : own.mlp;
  }
  config.kv_heads = attends ? config.kv_heads : config.heads;
  return config;
}

ExportedConfig nemotron_config(const EditedConfig& model) {
  require_nemotron(model);
  const DecoderConfig& wanted = model.wanted;
  Json config = keep_blocks(without_forms(model), model.blocks);
  config.erase(kAutoMap);
  config[kArchitectures] = Json::array({wanted.architecture});
  config["model_type"] = kNemotronFamily.model_types.front();
  config["num_key_value_heads"] = nullptr;
  config["intermediate_size"] = nullptr;
  config["hidden_act"] = "silu";
  config["max_position_embeddings"] = wanted.max_positions;
  if (wanted.rotaries.front().scaling == RopeScaling::kLlama3) {
    // Where llama.cpp looks for it.
    config["original_max_position_embeddings"] = wanted.rotaries.front().original_positions;
  }
  Json& blocks = config["block_configs"] = Json::array();
  for (int64_t block = 0; block < wanted.blocks(); ++block) {
    blocks.push_back(nemotron_block(wanted, block));
  }
  check_edited_config(config, wanted, model.blocks);
  return {std::move(config), {}};
}

}  // namespace linscan
