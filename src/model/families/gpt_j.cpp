// GPT-J: HF modeling_gptj.py. Parallel sublayers behind one norm, interleaved partial rotary, a
// head with bias.
#include "linscan/base/error.h"
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"gptj"};
constexpr std::string_view kArchitectures[] = {"GPTJForCausalLM"};
constexpr std::string_view kPrefixes[] = {"transformer.", ""};
constexpr Quirk kQuirks[] = {
    {"gptj", "parallel behind one norm, interleaved partial rotary, a head with bias"},
    {"gptj-n-inner", "MLP size n_inner"},
    {"gptj-legacy-buffers", "mask buffers of old files"},
};

DecoderConfig read_config(const ConfigReader& config) {
  DecoderConfig decoder;
  decoder.hidden = config.size({"n_embd", "hidden_size"});
  decoder.vocabulary = config.size({"vocab_size"});
  decoder.embedding = decoder.hidden;
  decoder.mlp = config.size_or({"n_inner"}, 4 * decoder.hidden);
  decoder.max_positions = config.size_or({"n_positions", "max_position_embeddings"}, 2048);
  decoder.norm_eps = config.positive_or("layer_norm_epsilon", 1e-5);
  decoder.residual = ResidualKind::kParallelOneNorm;
  decoder.heads = config.size({"n_head", "num_attention_heads"});
  decoder.kv_heads = decoder.heads;
  decoder.head_size = decoder.hidden / decoder.heads;
  check_heads(decoder, config);
  RotaryConfig rotary{.dimensions = config.size_or({"rotary_dim"}, 64), .interleaved = true};
  LINSCAN_CHECK(rotary.rotated() <= decoder.head_size,
                kInput,
                "{}: {} rotated features of a head of {}",
                config.path("rotary_dim"),
                rotary.dimensions,
                decoder.head_size);
  decoder.rotaries = {rotary};
  decoder.mlp_bias = true;
  decoder.activation = read_activation(config, "activation_function", "gelu_new");
  decoder.tied_head = config.flag_or("tie_word_embeddings", false);
  decoder.head_bias = true;
  make_blocks(config, decoder, {"n_layer", "num_hidden_layers"});
  return decoder;
}

std::vector<WeightRow> weight_rows(const DecoderConfig& config) {
  std::vector<WeightRow> rows;
  const std::string block = "@h.{}.";
  rows.push_back({"@wte.weight", Slot::kTokenEmbedding, "V,C"});
  add_norm(rows, config, block + "ln_1", Slot::kAttentionNormWeight, Slot::kAttentionNormBias);
  rows.push_back({block + "attn.q_proj.weight", Slot::kQueryWeight, "HD,C"});
  rows.push_back({block + "attn.k_proj.weight", Slot::kKeyWeight, "KD,C"});
  rows.push_back({block + "attn.v_proj.weight", Slot::kValueWeight, "KD,C"});
  rows.push_back({block + "attn.out_proj.weight", Slot::kOutputWeight, "C,HD"});
  add_linear(rows, block + "mlp.fc_in", Slot::kUpWeight, "F,C", Slot::kUpBias, "F", true);
  add_linear(rows, block + "mlp.fc_out", Slot::kDownWeight, "C,F", Slot::kDownBias, "C", true);
  add_norm(rows, config, "@ln_f", Slot::kFinalNormWeight, Slot::kFinalNormBias);
  rows.push_back({"lm_head.weight", Slot::kHead, "V,C"});
  rows.push_back({"lm_head.bias", Slot::kHeadBias, "V"});
  add_ignored(rows, block + "attn.bias");
  add_ignored(rows, block + "attn.masked_bias");
  return rows;
}

}  // namespace

const Family kGptJFamily = {
    "gptj", "GPT-J", kModelTypes, kArchitectures, kPrefixes, kQuirks, read_config, weight_rows};

}  // namespace linscan
