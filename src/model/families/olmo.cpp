// OLMo: norms without weights, clipped queries, keys and values; OLMo 2: norms on the outputs of
// the sublayers; OLMoE: experts. HF modeling_olmo.py, modeling_olmo2.py, modeling_olmoe.py.
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kOlmoTypes[] = {"olmo"};
constexpr std::string_view kOlmoArchitectures[] = {"OlmoForCausalLM"};
constexpr Quirk kOlmoQuirks[] = {
    {"olmo", "LayerNorm without weights"},
    {"olmo-clip", "queries, keys and values clipped"},
    {"olmo-gqa", "grouped-query attention"},
};

constexpr std::string_view kOlmo2Types[] = {"olmo2"};
constexpr std::string_view kOlmo2Architectures[] = {"Olmo2ForCausalLM"};
constexpr Quirk kOlmo2Quirks[] = {
    {"olmo2", "norms on the sublayers' outputs, and over all queries and all keys"},
    {"olmo2-gqa", "grouped-query attention"},
};

constexpr std::string_view kOlmoeTypes[] = {"olmoe"};
constexpr std::string_view kOlmoeArchitectures[] = {"OlmoeForCausalLM"};
constexpr Quirk kOlmoeQuirks[] = {
    {"olmoe", "experts, norms over all queries and all keys"},
    {"olmoe-clip", "queries, keys and values clipped after their norms"},
    {"olmoe-normalized", "router weights normalised"},
};

constexpr double kOlmoEps = 1e-5;  // OlmoLayerNorm; no key of config.json

double read_clip(const ConfigReader& config) {
  return config.has("clip_qkv") ? config.positive_or("clip_qkv", 0) : 0;
}

DecoderConfig read_olmo(const ConfigReader& config) {
  DecoderConfig decoder = read_llama_like(config, {.norm = NormKind::kLayerNorm, .eps = kOlmoEps});
  decoder.norm_eps = kOlmoEps;
  decoder.norm_affine = false;
  read_attention_bias(config, decoder);
  decoder.qkv_clip = read_clip(config);
  require_whole_rotary(config, decoder);
  return decoder;
}

DecoderConfig read_olmo2(const ConfigReader& config) {
  DecoderConfig decoder = read_llama_like(config, {.eps = 1e-5});
  read_attention_bias(config, decoder);
  decoder.norm_placement = NormPlacement::kOutput;
  decoder.qk_norm = QkNorm::kWhole;
  require_whole_rotary(config, decoder);
  return decoder;
}

DecoderConfig read_olmoe(const ConfigReader& config) {
  DecoderConfig decoder = read_llama_like(config, {.max_positions = 4096, .eps = 1e-5});
  read_attention_bias(config, decoder);
  decoder.qk_norm = QkNorm::kWhole;
  decoder.qkv_clip = read_clip(config);
  decoder.experts = {.count = config.size_or({"num_experts", "num_local_experts"}, 64),
                     .active = config.size_or({"num_experts_per_tok"}, 8),
                     .size = decoder.mlp,
                     .normalized = config.flag_or("norm_topk_prob", false)};
  mark_expert_blocks(config, decoder);
  require_whole_rotary(config, decoder);
  return decoder;
}

std::vector<WeightRow> olmoe_rows(const DecoderConfig& config) {
  std::vector<WeightRow> rows = llama_rows(config);
  add_experts(rows, config);
  return rows;
}

}  // namespace

const Family kOlmoFamily = {"olmo",
                            "OLMo",
                            kOlmoTypes,
                            kOlmoArchitectures,
                            kLlamaPrefixes,
                            kOlmoQuirks,
                            read_olmo,
                            plain_llama_rows};

const Family kOlmo2Family = {"olmo2",
                             "OLMo 2",
                             kOlmo2Types,
                             kOlmo2Architectures,
                             kLlamaPrefixes,
                             kOlmo2Quirks,
                             read_olmo2,
                             plain_llama_rows};

const Family kOlmoeFamily = {"olmoe",
                             "OLMoE",
                             kOlmoeTypes,
                             kOlmoeArchitectures,
                             kLlamaPrefixes,
                             kOlmoeQuirks,
                             read_olmoe,
                             olmoe_rows};

}  // namespace linscan
