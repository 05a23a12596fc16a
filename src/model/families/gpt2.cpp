// GPT-2: HF modeling_gpt2.py. Its linear layers are stored transposed (Conv1D); hub files carry no
// "transformer." prefix.
#include <nlohmann/json.hpp>

#include "linscan/base/error.h"
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"gpt2"};
constexpr std::string_view kArchitectures[] = {"GPT2LMHeadModel"};
constexpr std::string_view kPrefixes[] = {"transformer.", ""};
constexpr Quirk kQuirks[] = {
    {"gpt2", "learned positions, matrices stored transposed"},
    {"gpt2-without-prefix", "names without the base-model prefix, as on the hub"},
    {"gpt2-legacy-buffers", "mask buffers of old files"},
    {"gpt2-inverse-layer-scale", "scale_attn_by_inverse_layer_idx"},
    {"gpt2-unscaled", "scores without scale"},
    {"gpt2-n-inner", "MLP size n_inner"},
};

DecoderConfig read_config(const ConfigReader& config) {
  config.refuse_unless(
      "add_cross_attention", false, "an encoder-decoder, not a decoder of its own");
  DecoderConfig decoder;
  decoder.hidden = config.size({"n_embd", "hidden_size"});
  decoder.vocabulary = config.size({"vocab_size"});
  decoder.embedding = decoder.hidden;
  decoder.mlp = config.size_or({"n_inner"}, 4 * decoder.hidden);
  decoder.max_positions = config.size_or({"n_positions", "max_position_embeddings"}, 1024);
  decoder.norm = NormKind::kLayerNorm;
  decoder.norm_eps = config.positive_or("layer_norm_epsilon", 1e-5);
  decoder.heads = config.size({"n_head", "num_attention_heads"});
  decoder.kv_heads = decoder.heads;
  decoder.head_size = decoder.hidden / decoder.heads;
  check_heads(decoder, config);
  decoder.qkv_bias = true;
  decoder.attention_output_bias = true;
  decoder.mlp_bias = true;
  decoder.learned_positions = true;
  decoder.mlp_kind = MlpKind::kPlain;
  decoder.activation = read_activation(config, "activation_function", "gelu_new");
  decoder.tied_head = config.flag_or("tie_word_embeddings", true);
  make_blocks(config, decoder, {"n_layer", "num_hidden_layers"});
  const bool scale = config.flag_or("scale_attn_weights", true);
  const bool by_depth = config.flag_or("scale_attn_by_inverse_layer_idx", false);
  for (size_t block = 0; block < decoder.per_block.size(); ++block) {
    double& factor = decoder.per_block[block].attention_scale;
    factor = (scale ? factor : 1.0) / (by_depth ? static_cast<double>(block + 1) : 1.0);
  }
  return decoder;
}

std::vector<WeightRow> weight_rows(const DecoderConfig& config) {
  std::vector<WeightRow> rows;
  const std::string block = "@h.{}.";
  rows.push_back({"@wte.weight", Slot::kTokenEmbedding, "V,C"});
  rows.push_back({"@wpe.weight", Slot::kPositionEmbedding, "P,C"});
  add_norm(rows, config, block + "ln_1", Slot::kAttentionNormWeight, Slot::kAttentionNormBias);
  add_linear(rows,
             block + "attn.c_attn",
             Slot::kQkvWeight,
             "C,3HD",
             Slot::kQkvBias,
             "3HD",
             true,
             Transform::kTranspose);
  add_linear(rows,
             block + "attn.c_proj",
             Slot::kOutputWeight,
             "HD,C",
             Slot::kOutputBias,
             "C",
             true,
             Transform::kTranspose);
  add_norm(rows, config, block + "ln_2", Slot::kMlpNormWeight, Slot::kMlpNormBias);
  add_linear(rows,
             block + "mlp.c_fc",
             Slot::kUpWeight,
             "C,F",
             Slot::kUpBias,
             "F",
             true,
             Transform::kTranspose);
  add_linear(rows,
             block + "mlp.c_proj",
             Slot::kDownWeight,
             "F,C",
             Slot::kDownBias,
             "C",
             true,
             Transform::kTranspose);
  add_norm(rows, config, "@ln_f", Slot::kFinalNormWeight, Slot::kFinalNormBias);
  rows.push_back({"lm_head.weight", Slot::kHead, "V,C"});
  add_ignored(rows, block + "attn.bias");
  add_ignored(rows, block + "attn.masked_bias");
  return rows;
}

}  // namespace

const Family kGpt2Family = {.name = "gpt2",
                            .models = "GPT-2",
                            .model_types = kModelTypes,
                            .architectures = kArchitectures,
                            .prefixes = kPrefixes,
                            .quirks = kQuirks,
                            .read_config = read_config,
                            .weight_rows = weight_rows,
                            .scaled_residuals = true};

}  // namespace linscan
