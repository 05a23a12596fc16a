// OPT: HF modeling_opt.py. Positions start at row 2 of their table; 350m has its norms after the
// sublayers and a projected embedding.
#include "linscan/base/error.h"
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"opt"};
constexpr std::string_view kArchitectures[] = {"OPTForCausalLM"};
constexpr std::string_view kPrefixes[] = {"model.decoder.", "decoder.", ""};
constexpr Quirk kQuirks[] = {
    {"opt", "learned positions from row 2 on"},
    {"opt-post-norm-projected",
     "350m: norms on the stream after each sublayer, projected embedding"},
    {"opt-no-bias", "without biases"},
    {"opt-plain-norm", "norms without weights"},
    {"opt-remove-final-norm", "without a final norm"},
    {"opt-decoder-prefix", "names with the prefix decoder."},
};
constexpr int64_t kPositionOffset = 2;  // OPTLearnedPositionalEmbedding.offset

DecoderConfig read_config(const ConfigReader& config) {
  DecoderConfig decoder;
  decoder.hidden = config.size({"hidden_size"});
  decoder.vocabulary = config.size({"vocab_size"});
  decoder.embedding = config.size_or({"word_embed_proj_dim"}, decoder.hidden);
  decoder.mlp = config.size({"ffn_dim"});
  decoder.max_positions = config.size_or({"max_position_embeddings"}, 2048);
  decoder.norm = NormKind::kLayerNorm;
  decoder.norm_affine = config.flag_or("layer_norm_elementwise_affine", true);
  const bool before = config.flag_or("do_layer_norm_before", true);
  decoder.norm_placement = before ? NormPlacement::kPre : NormPlacement::kPost;
  decoder.final_norm = before && !config.flag_or("_remove_final_layer_norm", false);
  decoder.heads = config.size({"num_attention_heads"});
  decoder.kv_heads = decoder.heads;
  decoder.head_size = decoder.hidden / decoder.heads;
  check_heads(decoder, config);
  decoder.qkv_bias = config.flag_or("enable_bias", true);
  decoder.attention_output_bias = decoder.qkv_bias;
  decoder.mlp_bias = decoder.qkv_bias;
  decoder.learned_positions = true;
  decoder.position_offset = kPositionOffset;
  decoder.mlp_kind = MlpKind::kPlain;
  decoder.activation = read_activation(config, "activation_function", "relu");
  decoder.tied_head = config.flag_or("tie_word_embeddings", true);
  make_blocks(config, decoder, {"num_hidden_layers"});
  return decoder;
}

std::vector<WeightRow> weight_rows(const DecoderConfig& config) {
  std::vector<WeightRow> rows;
  const std::string block = "@layers.{}.";
  const bool bias = config.qkv_bias;
  rows.push_back({"@embed_tokens.weight", Slot::kTokenEmbedding, "V,E"});
  rows.push_back({"@embed_positions.weight", Slot::kPositionEmbedding, "P,C"});
  if (config.embedding != config.hidden) {
    rows.push_back({"@project_in.weight", Slot::kEmbeddingProjection, "C,E"});
    rows.push_back({"@project_out.weight", Slot::kHeadProjection, "E,C"});
  }
  add_norm(rows,
           config,
           block + "self_attn_layer_norm",
           Slot::kAttentionNormWeight,
           Slot::kAttentionNormBias);
  add_linear(
      rows, block + "self_attn.q_proj", Slot::kQueryWeight, "HD,C", Slot::kQueryBias, "HD", bias);
  add_linear(
      rows, block + "self_attn.k_proj", Slot::kKeyWeight, "KD,C", Slot::kKeyBias, "KD", bias);
  add_linear(
      rows, block + "self_attn.v_proj", Slot::kValueWeight, "KD,C", Slot::kValueBias, "KD", bias);
  add_linear(rows,
             block + "self_attn.out_proj",
             Slot::kOutputWeight,
             "C,HD",
             Slot::kOutputBias,
             "C",
             bias);
  add_norm(rows, config, block + "final_layer_norm", Slot::kMlpNormWeight, Slot::kMlpNormBias);
  add_linear(rows, block + "fc1", Slot::kUpWeight, "F,C", Slot::kUpBias, "F", bias);
  add_linear(rows, block + "fc2", Slot::kDownWeight, "C,F", Slot::kDownBias, "C", bias);
  if (config.final_norm) {
    add_norm(rows, config, "@final_layer_norm", Slot::kFinalNormWeight, Slot::kFinalNormBias);
  }
  rows.push_back({"lm_head.weight", Slot::kHead, "V,E"});
  return rows;
}

}  // namespace

const Family kOptFamily = {
    "opt", "OPT", kModelTypes, kArchitectures, kPrefixes, kQuirks, read_config, weight_rows};

}  // namespace linscan
