// BLOOM: HF modeling_bloom.py. ALiBi, a norm on the embedding, query/key/value fused by head.
#include <nlohmann/json.hpp>

#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"bloom"};
constexpr std::string_view kArchitectures[] = {"BloomForCausalLM"};
constexpr std::string_view kPrefixes[] = {"transformer.", ""};
constexpr Quirk kQuirks[] = {
    {"bloom", "ALiBi, norm on the embedding, query/key/value fused by head"},
    {"bloom-six-heads", "ALiBi slopes of a head count that is no power of two"},
    {"bloom-n-embed", "n_embed counts, hidden_size does not"},
    {"bloom-without-prefix", "names without the base-model prefix"},
    {"bloom-long", "ALiBi over many chunks of queries"},
};

DecoderConfig read_config(const ConfigReader& config) {
  config.refuse_unless("apply_residual_connection_post_layernorm",
                       false,
                       "a residual stream that starts from the norm's output is not supported");
  DecoderConfig decoder;
  decoder.hidden = config.size({"n_embed", "hidden_size"});
  decoder.vocabulary = config.size({"vocab_size"});
  decoder.embedding = decoder.hidden;
  decoder.embedding_norm = true;
  decoder.mlp = 4 * decoder.hidden;
  decoder.max_positions = config.size_or({"seq_length"}, 2048);
  decoder.norm_eps = config.positive_or("layer_norm_epsilon", 1e-5);
  decoder.heads = config.size({"n_head", "num_attention_heads"});
  decoder.kv_heads = decoder.heads;
  decoder.head_size = decoder.hidden / decoder.heads;
  check_heads(decoder, config);
  decoder.alibi.slopes = alibi_slopes(decoder.heads);
  decoder.qkv_bias = true;
  decoder.attention_output_bias = true;
  decoder.mlp_bias = true;
  decoder.activation = Activation::kGeluTanh;
  decoder.tied_head = config.flag_or("tie_word_embeddings", true);
  make_blocks(config, decoder, {"n_layer", "num_hidden_layers"});
  return decoder;
}

std::vector<WeightRow> weight_rows(const DecoderConfig& config) {
  std::vector<WeightRow> rows;
  const std::string block = "@h.{}.";
  rows.push_back({"@word_embeddings.weight", Slot::kTokenEmbedding, "V,C"});
  add_norm(rows,
           config,
           "@word_embeddings_layernorm",
           Slot::kEmbeddingNormWeight,
           Slot::kEmbeddingNormBias);
  add_norm(rows,
           config,
           block + "input_layernorm",
           Slot::kAttentionNormWeight,
           Slot::kAttentionNormBias);
  add_norm(
      rows, config, block + "post_attention_layernorm", Slot::kMlpNormWeight, Slot::kMlpNormBias);
  add_megatron_layers(rows, config, block, "self_attention");
  add_norm(rows, config, "@ln_f", Slot::kFinalNormWeight, Slot::kFinalNormBias);
  rows.push_back({"lm_head.weight", Slot::kHead, "V,C"});
  return rows;
}

}  // namespace

const Family kBloomFamily = {
    "bloom", "BLOOM", kModelTypes, kArchitectures, kPrefixes, kQuirks, read_config, weight_rows};

}  // namespace linscan
