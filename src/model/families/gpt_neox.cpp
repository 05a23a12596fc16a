// GPT-NeoX and Pythia: HF modeling_gpt_neox.py. Parallel residual with two norms, partial rotary,
// query/key/value fused per head.
#include "linscan/base/error.h"
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"gpt_neox"};
constexpr std::string_view kArchitectures[] = {"GPTNeoXForCausalLM"};
constexpr std::string_view kPrefixes[] = {"gpt_neox.", ""};
constexpr Quirk kQuirks[] = {
    {"neox", "parallel behind two norms, partial rotary, query/key/value fused by head"},
    {"neox-serial", "serial sublayers"},
    {"neox-no-attention-bias", "without attention biases"},
    {"neox-legacy-buffers", "mask buffers of old files"},
    {"neox-new-spelling", "rope_parameters with a share"},
};

DecoderConfig read_config(const ConfigReader& config) {
  DecoderConfig decoder;
  decoder.hidden = config.size({"hidden_size"});
  decoder.vocabulary = config.size({"vocab_size"});
  decoder.embedding = decoder.hidden;
  decoder.mlp = config.size({"intermediate_size"});
  decoder.max_positions = config.size_or({"max_position_embeddings"}, 2048);
  decoder.norm = NormKind::kLayerNorm;
  decoder.norm_eps = config.positive_or("layer_norm_eps", 1e-5);
  decoder.residual = config.flag_or("use_parallel_residual", true) ? ResidualKind::kParallel
                                                                   : ResidualKind::kSerial;
  decoder.heads = config.size({"num_attention_heads"});
  decoder.kv_heads = decoder.heads;
  decoder.head_size = decoder.hidden / decoder.heads;
  check_heads(decoder, config);
  decoder.qkv_bias = config.flag_or("attention_bias", true);
  decoder.attention_output_bias = decoder.qkv_bias;
  decoder.mlp_bias = true;
  // `rope_theta` at the top level is ignored by HF for this family.
  decoder.rotaries = {read_rotary(
      config, decoder, {.base_key = "rotary_emb_base", .share_key = "rotary_pct", .share = 0.25})};
  decoder.mlp_kind = MlpKind::kPlain;
  decoder.activation = read_activation(config, "hidden_act", "gelu");
  decoder.tied_head = config.flag_or("tie_word_embeddings", false);
  make_blocks(config, decoder, {"num_hidden_layers"});
  return decoder;
}

std::vector<WeightRow> weight_rows(const DecoderConfig& config) {
  std::vector<WeightRow> rows;
  const std::string block = "@layers.{}.";
  rows.push_back({"@embed_in.weight", Slot::kTokenEmbedding, "V,C"});
  add_norm(rows,
           config,
           block + "input_layernorm",
           Slot::kAttentionNormWeight,
           Slot::kAttentionNormBias);
  add_norm(
      rows, config, block + "post_attention_layernorm", Slot::kMlpNormWeight, Slot::kMlpNormBias);
  add_megatron_layers(rows, config, block, "attention");
  add_norm(rows, config, "@final_layer_norm", Slot::kFinalNormWeight, Slot::kFinalNormBias);
  rows.push_back({"embed_out.weight", Slot::kHead, "V,C"});  // transformers 4.x
  rows.push_back({"lm_head.weight", Slot::kHead, "V,C"});    // transformers 5.x
  add_ignored(rows, block + "attention.bias");
  add_ignored(rows, block + "attention.masked_bias");
  add_ignored(rows, block + "attention.rotary_emb.inv_freq");
  add_ignored(rows, "@rotary_emb.inv_freq");
  return rows;
}

}  // namespace

const Family kGptNeoxFamily = {"gpt_neox",
                               "GPT-NeoX, Pythia",
                               kModelTypes,
                               kArchitectures,
                               kPrefixes,
                               kQuirks,
                               read_config,
                               weight_rows};

}  // namespace linscan
