#include "model/block_forms.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "linscan/base/error.h"

namespace linscan {
namespace {

constexpr int64_t kVersion = 1;
constexpr BlockForm kForms[] = {BlockForm::kFull,
                                BlockForm::kLinear,
                                BlockForm::kNormedLinear,
                                BlockForm::kLinearAttention,
                                BlockForm::kNoAttention};

const WeightRow* find_row(const std::vector<WeightRow>& rows, Slot slot) {
  const auto row = std::ranges::find(rows, slot, &WeightRow::slot);
  return row == rows.end() ? nullptr : &*row;
}

// "@layers.{}.self_attn.o_proj.weight" without its last `parts` components.
std::string without_tail(std::string pattern, int parts) {
  for (int part = 0; part < parts; ++part) {
    pattern.resize(pattern.rfind('.'));
  }
  return pattern;
}

// What a block's pattern has behind its number.
std::string within_block(const std::string& pattern) {
  return pattern.substr(pattern.find("{}") + 3);
}

std::string attention_pattern(const std::vector<WeightRow>& rows) {
  return without_tail(find_row(rows, Slot::kOutputWeight)->pattern, 2);
}

std::string norm_module(const std::vector<WeightRow>& rows, Slot slot) {
  const WeightRow* row = find_row(rows, slot);
  return row == nullptr ? "" : within_block(without_tail(row->pattern, 1));
}

// Norms of attention that the block no longer has, where its MLP is still there.
Json norms_without_weights(const DecoderConfig& config,
                           const BlockConfig& block,
                           const std::vector<WeightRow>& rows) {
  Json names = Json::array();
  for (const Slot slot : {Slot::kAttentionNormWeight, Slot::kAttentionOutputNormWeight}) {
    if (block.has_mlp() && find_row(rows, slot) != nullptr && !form_has(config, block, slot)) {
      names.push_back(norm_module(rows, slot));
    }
  }
  return names;
}

BlockForm read_form(const ConfigReader& block) {
  const std::string text = block.text_or("form", "");
  for (const BlockForm form : kForms) {
    if (text == name(form)) {
      return form;
    }
  }
  std::string known;
  for (const BlockForm form : kForms) {
    known += (known.empty() ? "" : ", ") + std::string(name(form));
  }
  fail_input("{}: expected one of {}, got \"{}\"", block.path("form"), known, text);
}

}  // namespace

BlockNames block_names(const Family& family, const DecoderConfig& config) {
  DecoderConfig with_norms = config;
  with_norms.norm_affine = true;  // norms without weights have a name all the same
  const std::vector<WeightRow> rows = family.weight_rows(with_norms);
  const std::string attention = attention_pattern(rows);
  BlockNames names;
  names.layers =
      std::string(family.prefixes.front()) + attention.substr(1, attention.find(".{}") - 1);
  names.attention = within_block(attention);
  names.input_norm = norm_module(rows, Slot::kAttentionNormWeight);
  return names;
}

void add_map_rows(std::vector<WeightRow>& rows) {
  if (find_row(rows, Slot::kMapWeight) != nullptr) {
    return;
  }
  const std::string attention = attention_pattern(rows);
  const std::string layer = attention.substr(0, attention.find("{}") + 2);
  const auto add = [&](const std::string& module, BlockSet blocks) {
    for (const auto& [part, slot, shape] :
         {std::tuple("weight", Slot::kMapWeight, "C,C"), std::tuple("bias", Slot::kMapBias, "C")}) {
      rows.push_back(
          {module + ".map." + part, slot, shape, Transform::kNone, Presence::kRequired, blocks});
    }
  };
  add(layer, BlockSet::kMapOnly);
  add(attention, BlockSet::kMapInAttention);
}

std::string forms_architecture(const ConfigReader& config) {
  return config.has(kFormsKey) ? config.object(kFormsKey).text_or("architecture", "") : "";
}

void read_forms(const ConfigReader& config, DecoderConfig& decoder) {
  if (!config.has(kFormsKey)) {
    return;
  }
  const ConfigReader forms = config.object(kFormsKey);
  const int64_t version = forms.size({"version"});
  LINSCAN_CHECK(version == kVersion,
                kUnsupported,
                "{}: version {} of edited blocks; this program reads version {}",
                forms.path("version"),
                version,
                kVersion);
  const std::vector<ConfigReader> blocks = forms.objects("blocks");
  LINSCAN_CHECK(blocks.size() == decoder.per_block.size(),
                kInput,
                "{}: {} entries for {} blocks",
                forms.path("blocks"),
                blocks.size(),
                decoder.per_block.size());
  for (size_t i = 0; i < blocks.size(); ++i) {
    BlockConfig& block = decoder.per_block[i];
    block.form = read_form(blocks[i]);
    LINSCAN_CHECK(block.form != BlockForm::kNormedLinear || decoder.has_input_norms(),
                  kUnsupported,
                  "{}: \"{}\" in a model that has no norm before attention",
                  blocks[i].path("form"),
                  name(block.form));
    block.map_bias = blocks[i].flag_or("bias", false);
    LINSCAN_CHECK(!block.map_bias || block.has_map(),
                  kInput,
                  "{}: a block of the form \"{}\" has no map",
                  blocks[i].path("bias"),
                  name(block.form));
  }
}

Json forms_object(const Family& family,
                  const DecoderConfig& config,
                  const std::string& architecture) {
  const BlockNames names = block_names(family, config);
  const std::vector<WeightRow> rows = family.weight_rows(config);
  Json object = {{"version", kVersion},
                 {"architecture", architecture},
                 {"layers", names.layers},
                 {"attention", names.attention}};
  if (config.residual_scale != 1.0) {
    object["residual_scale"] = config.residual_scale;
  }
  Json& blocks = object["blocks"] = Json::array();
  for (const BlockConfig& block : config.per_block) {
    Json entry = {{"form", name(block.form)}};
    if (block.has_map()) {
      entry["bias"] = block.map_bias;
    }
    if (block.form == BlockForm::kNormedLinear) {
      entry["norm"] = names.input_norm;
    }
    if (Json without = norms_without_weights(config, block, rows); !without.empty()) {
      entry["without"] = std::move(without);
    }
    blocks.push_back(std::move(entry));
  }
  return object;
}

}  // namespace linscan
