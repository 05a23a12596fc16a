// GLM-4 (9B, glm-4-9b-chat-hf): HF modeling_glm.py. Llama with interleaved rotary on half of the
// head, biases on queries, keys and values only, and a fused gate/up matrix.
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"glm"};
constexpr std::string_view kArchitectures[] = {"GlmForCausalLM"};
constexpr Quirk kQuirks[] = {
    {"glm", "interleaved rotary on a share of the head, fused gate/up"},
    {"glm-no-share", "half of the head is rotated where no key says it"},
    {"glm-no-bias", "without biases"},
};

DecoderConfig read_config(const ConfigReader& config) {
  DecoderConfig decoder = read_llama_like(config,
                                          {.max_positions = 131072,
                                           .kv_heads = 2,
                                           .head_size = 128,
                                           .eps = 1.5625e-7,
                                           .rotary = {.share = 0.5, .interleaved = true}});
  decoder.qkv_bias = config.flag_or("attention_bias", true);
  return decoder;
}

std::vector<WeightRow> weight_rows(const DecoderConfig& config) {
  return llama_rows(config, {.gate_up = "mlp.gate_up_proj"});
}

}  // namespace

const Family kGlmFamily = {"glm",
                           "GLM-4 9B",
                           kModelTypes,
                           kArchitectures,
                           kLlamaPrefixes,
                           kQuirks,
                           read_config,
                           weight_rows};

}  // namespace linscan
