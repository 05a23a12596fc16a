// Granite 3: HF modeling_granite.py. Llama with multipliers on embedding, scores, sublayers and
// logits.
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"granite"};
constexpr std::string_view kArchitectures[] = {"GraniteForCausalLM"};
constexpr Quirk kQuirks[] = {
    {"granite", "multipliers on embedding, scores, sublayers and logits"},
    {"granite-no-multipliers", "multipliers of one, also on the scores, where no key is there"},
    {"granite-biases", "attention and MLP biases"},
};

DecoderConfig read_config(const ConfigReader& config) {
  DecoderConfig decoder = read_llama_like(config);
  require_whole_rotary(config, decoder);
  read_attention_bias(config, decoder);
  decoder.mlp_bias = config.flag_or("mlp_bias", false);
  decoder.embedding_scale = config.positive_or("embedding_multiplier", 1.0);
  decoder.residual_scale = config.positive_or("residual_multiplier", 1.0);
  decoder.logit_scale = 1 / config.positive_or("logits_scaling", 1.0);
  for (BlockConfig& block : decoder.per_block) {
    block.attention_scale = config.positive_or("attention_multiplier", 1.0);
  }
  return decoder;
}

}  // namespace

const Family kGraniteFamily = {"granite",
                               "Granite 3",
                               kModelTypes,
                               kArchitectures,
                               kLlamaPrefixes,
                               kQuirks,
                               read_config,
                               plain_llama_rows};

}  // namespace linscan
