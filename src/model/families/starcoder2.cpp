// StarCoder2: HF modeling_starcoder2.py. LayerNorm, biases, a plain MLP, a sliding window.
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"starcoder2"};
constexpr std::string_view kArchitectures[] = {"Starcoder2ForCausalLM"};
constexpr Quirk kQuirks[] = {
    {"starcoder2", "LayerNorm, biases, plain MLP"},
    {"starcoder2-window", "sliding window"},
    {"starcoder2-no-bias", "without biases"},
    {"starcoder2-eps", "norm_epsilon counts, layer_norm_epsilon does not"},
};

DecoderConfig read_config(const ConfigReader& config) {
  DecoderConfig decoder = read_llama_like(config,
                                          {.max_positions = 4096,
                                           .kv_heads = 2,
                                           .norm = NormKind::kLayerNorm,
                                           .eps_key = "norm_epsilon",
                                           .eps = 1e-5,
                                           .mlp = MlpKind::kPlain,
                                           .activation = "gelu_pytorch_tanh",
                                           .tied_head = true});
  require_whole_rotary(config, decoder);
  decoder.qkv_bias = config.flag_or("use_bias", true);
  decoder.attention_output_bias = decoder.qkv_bias;
  decoder.mlp_bias = decoder.qkv_bias;
  make_blocks(config, decoder, {"num_hidden_layers"}, read_window(config, "sliding_window", 0));
  return decoder;
}

std::vector<WeightRow> weight_rows(const DecoderConfig& config) {
  return llama_rows(config, {.up = "mlp.c_fc", .down = "mlp.c_proj"});
}

}  // namespace

const Family kStarCoder2Family = {"starcoder2",
                                  "StarCoder2",
                                  kModelTypes,
                                  kArchitectures,
                                  kLlamaPrefixes,
                                  kQuirks,
                                  read_config,
                                  weight_rows};

}  // namespace linscan
