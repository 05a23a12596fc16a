// Falcon: HF modeling_falcon.py. Three designs: 7b (one key/value head, parallel behind one norm),
// rw (ALiBi, serial), 40b and 11b (grouped key/value heads, parallel behind one or two norms).
#include <cmath>

#include "linscan/base/error.h"
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"falcon"};
constexpr std::string_view kArchitectures[] = {"FalconForCausalLM"};
constexpr std::string_view kPrefixes[] = {"transformer.", ""};
constexpr Quirk kQuirks[] = {
    {"falcon-7b", "one key/value head, parallel behind one norm"},
    {"falcon-rw", "ALiBi, serial, query/key/value fused by head"},
    {"falcon-rw-rounded", "slopes and distances of ALiBi rounded to bf16"},
    {"falcon-40b", "grouped key/value heads, parallel behind two norms"},
    {"falcon-11b", "grouped key/value heads, parallel behind one norm"},
    {"falcon-bias", "biases"},
    {"falcon-ffn-size", "MLP size ffn_hidden_size"},
};

// num_ln_in_parallel_attn, which the new design alone reads.
ResidualKind read_residual(const ConfigReader& config, bool grouped) {
  const bool parallel = config.flag_or("parallel_attn", true);
  if (!grouped) {
    return parallel ? ResidualKind::kParallelOneNorm : ResidualKind::kSerial;
  }
  LINSCAN_CHECK(parallel,
                kUnsupported,
                "{} = false with new_decoder_architecture: modeling_falcon.py has no such forward "
                "pass",
                config.path("parallel_attn"));
  const int64_t norms = config.size_or({"num_ln_in_parallel_attn"}, 2);
  LINSCAN_CHECK(norms <= 2,
                kUnsupported,
                "{} = {}: supported are 1 and 2",
                config.path("num_ln_in_parallel_attn"),
                norms);
  return norms == 2 ? ResidualKind::kParallel : ResidualKind::kParallelOneNorm;
}

DecoderConfig read_config(const ConfigReader& config) {
  DecoderConfig decoder;
  decoder.hidden = config.size({"n_embed", "hidden_size"});
  decoder.vocabulary = config.size({"vocab_size"});
  decoder.embedding = decoder.hidden;
  decoder.mlp = config.size_or({"ffn_hidden_size"}, 4 * decoder.hidden);
  decoder.max_positions = config.size_or({"max_position_embeddings"}, 2048);
  decoder.norm_eps = config.positive_or("layer_norm_epsilon", 1e-5);
  const bool grouped = config.flag_or("new_decoder_architecture", false);
  decoder.residual = read_residual(config, grouped);
  decoder.heads = config.size({"num_attention_heads"});
  const int64_t ungrouped = config.flag_or("multi_query", true) ? 1 : decoder.heads;
  decoder.kv_heads = grouped ? config.size_or({"num_kv_heads"}, decoder.heads) : ungrouped;
  decoder.head_size = decoder.hidden / decoder.heads;
  check_heads(decoder, config);
  if (config.flag_or("alibi", false)) {
    // Of HF's two ways the one of sdpa: (q k + alibi) / sqrt(D); eager adds ALiBi twice.
    decoder.alibi = {.slopes = alibi_slopes(decoder.heads),
                     .scale = 1 / std::sqrt(static_cast<double>(decoder.head_size)),
                     .rounded = true};
  } else {
    decoder.rotaries = {read_rotary(config, decoder)};
    require_whole_rotary(config, decoder);
  }
  decoder.qkv_bias = config.flag_or("bias", false);
  decoder.attention_output_bias = decoder.qkv_bias;
  decoder.mlp_bias = decoder.qkv_bias;
  decoder.activation = read_activation(config, "activation", "gelu");
  decoder.tied_head = config.flag_or("tie_word_embeddings", true);
  make_blocks(config, decoder, {"num_hidden_layers"});
  return decoder;
}

std::vector<WeightRow> weight_rows(const DecoderConfig& config) {
  std::vector<WeightRow> rows;
  const std::string block = "@h.{}.";
  const bool two_norms = config.residual == ResidualKind::kParallel;
  rows.push_back({"@word_embeddings.weight", Slot::kTokenEmbedding, "V,C"});
  add_norm(rows,
           config,
           block + (two_norms ? "ln_attn" : "input_layernorm"),
           Slot::kAttentionNormWeight,
           Slot::kAttentionNormBias);
  if (config.residual != ResidualKind::kParallelOneNorm) {
    add_norm(rows,
             config,
             block + (two_norms ? "ln_mlp" : "post_attention_layernorm"),
             Slot::kMlpNormWeight,
             Slot::kMlpNormBias);
  }
  add_megatron_layers(rows, config, block, "self_attention");
  add_norm(rows, config, "@ln_f", Slot::kFinalNormWeight, Slot::kFinalNormBias);
  rows.push_back({"lm_head.weight", Slot::kHead, "V,C"});
  add_ignored(rows, block + "self_attention.rotary_emb.inv_freq");
  return rows;
}

}  // namespace

const Family kFalconFamily = {"falcon",
                              "Falcon 7b, 40b, 11b, rw",
                              kModelTypes,
                              kArchitectures,
                              kPrefixes,
                              kQuirks,
                              read_config,
                              weight_rows};

}  // namespace linscan
