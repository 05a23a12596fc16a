// Llama 1-3, TinyLlama, SmolLM, DeepSeek-LLM and Mistral 7B: HF modeling_llama.py,
// modeling_mistral.py.
#include <nlohmann/json.hpp>

#include "linscan/base/error.h"
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"llama", "mistral"};
constexpr std::string_view kArchitectures[] = {"LlamaForCausalLM", "MistralForCausalLM"};
constexpr std::string_view kPrefixes[] = {"model.", ""};
constexpr int64_t kMistralDefaultWindow = 4096;
constexpr int64_t kMistralDefaultKvHeads = 8;

// transformers goes by model_type; without one the architecture says it.
bool is_mistral(const ConfigReader& config) {
  if (config.has("model_type")) {
    return config.text_or("model_type", "") == "mistral";
  }
  return config.json().at("architectures").front() == "MistralForCausalLM";
}

DecoderConfig read_config(const ConfigReader& config) {
  const bool mistral = is_mistral(config);
  DecoderConfig decoder;
  decoder.hidden = config.size({"hidden_size"});
  decoder.vocabulary = config.size({"vocab_size"});
  decoder.embedding = decoder.hidden;
  decoder.mlp = config.size({"intermediate_size"});
  decoder.max_positions = config.size_or({"max_position_embeddings"}, mistral ? 131072 : 2048);
  decoder.norm = NormKind::kRmsNorm;
  decoder.norm_eps = config.positive_or("rms_norm_eps", 1e-6);
  decoder.heads = config.size({"num_attention_heads"});
  // Mistral's missing key means 8, null as many as there are heads.
  const bool default_kv_heads = mistral && !config.json().contains("num_key_value_heads");
  decoder.kv_heads = config.size_or({"num_key_value_heads"},
                                    default_kv_heads ? kMistralDefaultKvHeads : decoder.heads);
  decoder.head_size = config.size_or({"head_dim"}, decoder.hidden / decoder.heads);
  check_heads(decoder, config);
  // Mistral has no bias keys: modeling_mistral.py builds its projections without.
  decoder.qkv_bias = !mistral && config.flag_or("attention_bias", false);
  decoder.attention_output_bias = decoder.qkv_bias;
  decoder.mlp_bias = !mistral && config.flag_or("mlp_bias", false);
  decoder.position = PositionKind::kRotary;
  decoder.rotary = read_rotary(
      config, "rope_theta", "partial_rotary_factor", 1.0, decoder.head_size, decoder.max_positions);
  LINSCAN_CHECK(decoder.rotary.dimensions == decoder.head_size,
                kUnsupported,
                "{}: modeling_{}.py rotates whole heads; a partial_rotary_factor other than 1 has "
                "no defined meaning",
                config.path("partial_rotary_factor"),
                mistral ? "mistral" : "llama");
  decoder.mlp_kind = MlpKind::kGated;
  decoder.activation = read_activation(config, "hidden_act", "silu");
  decoder.tied_head = config.flag_or("tie_word_embeddings", false);
  int64_t window = 0;
  if (mistral) {
    // A missing key means 4096, null means none.
    const bool absent = !config.json().contains("sliding_window");
    window = absent ? kMistralDefaultWindow : config.size_or({"sliding_window"}, 0);
  }
  decoder.per_block = uniform_blocks(config.size({"num_hidden_layers"}), decoder.head_size, window);
  return decoder;
}

std::vector<WeightRow> weight_rows(const DecoderConfig& config) {
  std::vector<WeightRow> rows;
  const std::string block = "@layers.{}.";
  rows.push_back({"@embed_tokens.weight", Slot::kTokenEmbedding, "V,C"});
  add_norm(rows,
           config,
           block + "input_layernorm",
           Slot::kAttentionNormWeight,
           Slot::kAttentionNormBias);
  add_linear(rows,
             block + "self_attn.q_proj",
             Slot::kQueryWeight,
             "HD,C",
             Slot::kQueryBias,
             "HD",
             config.qkv_bias);
  add_linear(rows,
             block + "self_attn.k_proj",
             Slot::kKeyWeight,
             "KD,C",
             Slot::kKeyBias,
             "KD",
             config.qkv_bias);
  add_linear(rows,
             block + "self_attn.v_proj",
             Slot::kValueWeight,
             "KD,C",
             Slot::kValueBias,
             "KD",
             config.qkv_bias);
  add_linear(rows,
             block + "self_attn.o_proj",
             Slot::kOutputWeight,
             "C,HD",
             Slot::kOutputBias,
             "C",
             config.attention_output_bias);
  add_norm(
      rows, config, block + "post_attention_layernorm", Slot::kMlpNormWeight, Slot::kMlpNormBias);
  add_linear(rows,
             block + "mlp.gate_proj",
             Slot::kGateWeight,
             "F,C",
             Slot::kGateBias,
             "F",
             config.mlp_bias);
  add_linear(
      rows, block + "mlp.up_proj", Slot::kUpWeight, "F,C", Slot::kUpBias, "F", config.mlp_bias);
  add_linear(rows,
             block + "mlp.down_proj",
             Slot::kDownWeight,
             "C,F",
             Slot::kDownBias,
             "C",
             config.mlp_bias);
  add_norm(rows, config, "@norm", Slot::kFinalNormWeight, Slot::kFinalNormBias);
  rows.push_back({"lm_head.weight", Slot::kHead, "V,C"});
  add_ignored(rows, block + "self_attn.rotary_emb.inv_freq");
  add_ignored(rows, "@rotary_emb.inv_freq");
  return rows;
}

}  // namespace

const Family kLlamaFamily = {
    "llama", kModelTypes, kArchitectures, kPrefixes, read_config, weight_rows};

}  // namespace linscan
