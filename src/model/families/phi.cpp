// Phi-1, Phi-1.5 and Phi-2: HF modeling_phi.py. Parallel sublayers behind one norm, partial rotary,
// a head with bias.
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"phi"};
constexpr std::string_view kArchitectures[] = {"PhiForCausalLM"};
constexpr Quirk kQuirks[] = {
    {"phi", "parallel behind one norm, partial rotary, a head with bias"},
    {"phi-qk-norm", "norms with bias on queries and keys"},
    {"phi-gqa", "grouped-query attention"},
    {"phi-no-share", "half of the head is rotated where no key says it"},
};

DecoderConfig read_config(const ConfigReader& config) {
  DecoderConfig decoder = read_llama_like(config,
                                          {.norm = NormKind::kLayerNorm,
                                           .eps_key = "layer_norm_eps",
                                           .eps = 1e-5,
                                           .mlp = MlpKind::kPlain,
                                           .activation = "gelu_new",
                                           .rotary = {.share = 0.5}});
  decoder.residual = ResidualKind::kParallelOneNorm;
  decoder.qkv_bias = true;
  decoder.attention_output_bias = true;
  decoder.mlp_bias = true;
  decoder.head_bias = true;
  if (config.flag_or("qk_layernorm", false)) {
    decoder.qk_norm = QkNorm::kHead;
    decoder.qk_norm_bias = true;
  }
  return decoder;
}

std::vector<WeightRow> weight_rows(const DecoderConfig& config) {
  return llama_rows(config,
                    {.output = "self_attn.dense",
                     .up = "mlp.fc1",
                     .down = "mlp.fc2",
                     .query_norm = "self_attn.q_layernorm",
                     .key_norm = "self_attn.k_layernorm",
                     .final_norm = "final_layernorm"});
}

}  // namespace

const Family kPhiFamily = {"phi",
                           "Phi-1, Phi-1.5, Phi-2",
                           kModelTypes,
                           kArchitectures,
                           kLlamaPrefixes,
                           kQuirks,
                           read_config,
                           weight_rows};

}  // namespace linscan
