// StableLM 3B and StableLM 2: HF modeling_stablelm.py. Llama with LayerNorm and partial rotary;
// some with parallel sublayers behind one norm.
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"stablelm"};
constexpr std::string_view kArchitectures[] = {"StableLmForCausalLM"};
constexpr Quirk kQuirks[] = {
    {"stablelm", "LayerNorm with bias, partial rotary"},
    {"stablelm-parallel", "parallel behind one norm"},
    {"stablelm-qk-norm", "norms on queries and keys, stored head by head"},
    {"stablelm-qkv-bias", "biases on queries, keys and values"},
};

DecoderConfig read_config(const ConfigReader& config) {
  DecoderConfig decoder = read_llama_like(config,
                                          {.max_positions = 4096,
                                           .kv_heads = 32,
                                           .norm = NormKind::kLayerNorm,
                                           .eps_key = "layer_norm_eps",
                                           .eps = 1e-5,
                                           .rotary = {.share = 0.25}});
  decoder.qkv_bias = config.flag_or("use_qkv_bias", false);
  decoder.qk_norm = config.flag_or("qk_layernorm", false) ? QkNorm::kEachHead : QkNorm::kNone;
  if (config.flag_or("use_parallel_residual", false)) {
    decoder.residual = ResidualKind::kParallelOneNorm;
  }
  return decoder;
}

std::vector<WeightRow> weight_rows(const DecoderConfig& config) {
  return llama_rows(config,
                    {.query_norm = "self_attn.q_layernorm.norms.{}",
                     .key_norm = "self_attn.k_layernorm.norms.{}"});
}

}  // namespace

const Family kStableLmFamily = {"stablelm",
                                "StableLM 3B, StableLM 2",
                                kModelTypes,
                                kArchitectures,
                                kLlamaPrefixes,
                                kQuirks,
                                read_config,
                                weight_rows};

}  // namespace linscan
