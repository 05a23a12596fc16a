#include "linscan/model/family.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "linscan/base/error.h"
#include "model/block_forms.h"
#include "model/families/shared.h"

namespace linscan {
namespace {

struct SlotName {
  Slot slot;
  std::string_view name;
};

constexpr SlotName kSlotNames[] = {
    {Slot::kTokenEmbedding, "embedding.weight"},
    {Slot::kPositionEmbedding, "position_embedding.weight"},
    {Slot::kEmbeddingProjection, "embedding_projection.weight"},
    {Slot::kEmbeddingNormWeight, "embedding_norm.weight"},
    {Slot::kEmbeddingNormBias, "embedding_norm.bias"},
    {Slot::kFinalNormWeight, "final_norm.weight"},
    {Slot::kFinalNormBias, "final_norm.bias"},
    {Slot::kHeadProjection, "head_projection.weight"},
    {Slot::kHead, "head.weight"},
    {Slot::kHeadBias, "head.bias"},
    {Slot::kAttentionNormWeight, "attention_norm.weight"},
    {Slot::kAttentionNormBias, "attention_norm.bias"},
    {Slot::kQkvWeight, "attention.qkv.weight"},
    {Slot::kQkvBias, "attention.qkv.bias"},
    {Slot::kQueryWeight, "attention.query.weight"},
    {Slot::kQueryBias, "attention.query.bias"},
    {Slot::kKeyWeight, "attention.key.weight"},
    {Slot::kKeyBias, "attention.key.bias"},
    {Slot::kValueWeight, "attention.value.weight"},
    {Slot::kValueBias, "attention.value.bias"},
    {Slot::kQueryNormWeight, "attention.query_norm.weight"},
    {Slot::kQueryNormBias, "attention.query_norm.bias"},
    {Slot::kKeyNormWeight, "attention.key_norm.weight"},
    {Slot::kKeyNormBias, "attention.key_norm.bias"},
    {Slot::kOutputWeight, "attention.output.weight"},
    {Slot::kOutputBias, "attention.output.bias"},
    {Slot::kAttentionOutputNormWeight, "attention_output_norm.weight"},
    {Slot::kAttentionOutputNormBias, "attention_output_norm.bias"},
    {Slot::kMlpNormWeight, "mlp_norm.weight"},
    {Slot::kMlpNormBias, "mlp_norm.bias"},
    {Slot::kGateUpWeight, "mlp.gate_up.weight"},
    {Slot::kGateWeight, "mlp.gate.weight"},
    {Slot::kGateBias, "mlp.gate.bias"},
    {Slot::kUpWeight, "mlp.up.weight"},
    {Slot::kUpBias, "mlp.up.bias"},
    {Slot::kDownWeight, "mlp.down.weight"},
    {Slot::kDownBias, "mlp.down.bias"},
    {Slot::kMlpOutputNormWeight, "mlp_output_norm.weight"},
    {Slot::kMlpOutputNormBias, "mlp_output_norm.bias"},
    {Slot::kRouterWeight, "mlp.router.weight"},
    {Slot::kSharedGateWeight, "mlp.shared_expert.gate.weight"},
    {Slot::kSharedUpWeight, "mlp.shared_expert.up.weight"},
    {Slot::kSharedDownWeight, "mlp.shared_expert.down.weight"},
    {Slot::kSharedRouterWeight, "mlp.shared_expert.router.weight"},
    {Slot::kMapWeight, "map.weight"},
    {Slot::kMapBias, "map.bias"},
    {Slot::kExpertGateWeight, "mlp.expert.gate.weight"},
    {Slot::kExpertUpWeight, "mlp.expert.up.weight"},
    {Slot::kExpertDownWeight, "mlp.expert.down.weight"},
};
static_assert(std::size(kSlotNames) == static_cast<size_t>(Slot::kCount));

std::string declared_architecture(const Json& config, std::string_view where) {
  const auto found = config.find("architectures");
  if (found == config.end() || found->is_null()) {
    return "";
  }
  if (!found->is_array() || (!found->empty() && !found->front().is_string())) {
    fail_input("{}: architectures: expected an array of strings", where);
  }
  if (found->empty()) {
    return "";
  }
  return found->front().get<std::string>();
}

// The declared one or, where its blocks were edited, that of the model it was.
std::string edited_architecture(const ConfigReader& config) {
  const std::string edited = forms_architecture(config);
  return edited.empty() ? declared_architecture(config.json(), config.where()) : edited;
}

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string supported_architectures() {
  std::string text;
  for (const Family& family : families()) {
    for (const std::string_view architecture : family.architectures) {
      text += fmt::format("{}{}", text.empty() ? "" : ", ", architecture);
    }
  }
  return text;
}

}  // namespace

std::span<const Family> families() {
  static const std::array kFamilies = {
      kLlamaFamily,   kGpt2Family,     kGptJFamily,       kGptNeoFamily,  kGptNeoxFamily,
      kOptFamily,     kBloomFamily,    kFalconFamily,     kMptFamily,     kPhiFamily,
      kPhi3Family,    kQwen2Family,    kQwen3Family,      kGemmaFamily,   kGemma2Family,
      kGemma3Family,  kStableLmFamily, kStarCoder2Family, kCohereFamily,  kCohere2Family,
      kOlmoFamily,    kOlmo2Family,    kGlmFamily,        kGraniteFamily, kSmolLm3Family,
      kMixtralFamily, kQwen2MoeFamily, kQwen3MoeFamily,   kOlmoeFamily,   kNemotronFamily};
  return kFamilies;
}

const Family& find_family(const Json& config, std::string_view where) {
  const ConfigReader reader(config, where);
  const std::string type = reader.text_or("model_type", "");
  const std::string architecture = edited_architecture(reader);
  for (const Family& family : families()) {
    if (architecture.empty() ? contains(family.model_types, type)
                             : contains(family.architectures, architecture)) {
      LINSCAN_CHECK(type.empty() || contains(family.model_types, type),
                    kUnsupported,
                    "{}: architecture \"{}\" and model_type \"{}\" contradict each other; this "
                    "architecture goes with {}",
                    where,
                    architecture,
                    type,
                    fmt::join(family.model_types, ", "));
      return family;
    }
  }
  fail_unsupported("{}: architecture \"{}\" (model_type \"{}\") is not supported; supported are {}",
                   where,
                   architecture,
                   type,
                   supported_architectures());
}

DecoderConfig read_decoder_config(const Json& config, std::string_view where) {
  const Family& family = find_family(config, where);
  const ConfigReader reader(config, where);
  DecoderConfig decoder = family.read_config(reader);
  decoder.family = family.name;
  decoder.architecture = edited_architecture(reader);
  decoder.dtype = reader.text_or("dtype", reader.text_or("torch_dtype", ""));
  read_forms(reader, decoder);
  return decoder;
}

std::vector<WeightRow> weight_rows(const Family& family, const DecoderConfig& config) {
  std::vector<WeightRow> rows = family.weight_rows(config);
  add_map_rows(rows);
  rows.push_back(
      {std::string(kClassifierName), Slot::kCount, "", Transform::kNone, Presence::kIgnored});
  return rows;
}

std::string_view name(Slot slot) {
  return slot == Slot::kCount ? "" : kSlotNames[static_cast<size_t>(slot)].name;
}

bool is_expert_slot(Slot slot) {
  return slot >= Slot::kExpertGateWeight && slot < Slot::kCount;
}

bool is_block_slot(Slot slot) {
  return slot >= Slot::kAttentionNormWeight && slot < Slot::kCount;
}

bool form_has(const DecoderConfig& config, const BlockConfig& block, Slot slot) {
  if (slot == Slot::kMapWeight || slot == Slot::kMapBias) {
    return block.has_map() && (slot == Slot::kMapWeight || block.map_bias);
  }
  if (block.form == BlockForm::kFull || !is_block_slot(slot)) {
    return true;
  }
  if (slot == Slot::kAttentionNormWeight || slot == Slot::kAttentionNormBias) {
    const bool read_by_map =
        block.form == BlockForm::kNormedLinear || block.form == BlockForm::kLinearAttention;
    const bool used_otherwise = config.residual == ResidualKind::kParallelOneNorm ||
                                config.norm_placement == NormPlacement::kPost;
    return read_by_map || (block.has_mlp() && used_otherwise);
  }
  // The norm of attention's output and all before it; what follows is the MLP with its norms.
  return slot > Slot::kAttentionOutputNormBias && block.has_mlp();
}

}  // namespace linscan
