// Gemma 1, 2 and 3 (text): HF modeling_gemma.py, modeling_gemma2.py, modeling_gemma3.py. Scaled
// embedding, norm weights stored as their distance from one.
#include <cmath>
#include <nlohmann/json.hpp>

#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kGemmaTypes[] = {"gemma"};
constexpr std::string_view kGemmaArchitectures[] = {"GemmaForCausalLM"};
constexpr Quirk kGemmaQuirks[] = {
    {"gemma", "embedding scaled by sqrt(hidden size), norm weights 1 + w"},
    {"gemma-gelu", "hidden_act \"gelu\" means its tanh form"},
    {"gemma-mqa", "one key/value head"},
    {"gemma-attention-bias", "attention biases"},
};

constexpr std::string_view kGemma2Types[] = {"gemma2"};
constexpr std::string_view kGemma2Architectures[] = {"Gemma2ForCausalLM"};
constexpr Quirk kGemma2Quirks[] = {
    {"gemma2",
     "norms around each sublayer, soft-caps on scores and logits, window in every other "
     "block"},
    {"gemma2-no-caps", "without soft-caps"},
    {"gemma2-layer-types", "windows by layer_types"},
    {"gemma2-activation", "hidden_activation counts, hidden_act does not"},
    {"gemma2-scale", "scale from query_pre_attn_scalar"},
    {"gemma2-long", "windows and caps over many chunks of queries"},
};

constexpr std::string_view kGemma3Types[] = {"gemma3_text"};
constexpr std::string_view kGemma3Architectures[] = {"Gemma3ForCausalLM"};
constexpr Quirk kGemma3Quirks[] = {
    {"gemma3", "two RoPE bases, windows in five of six blocks, norms on queries and keys"},
    {"gemma3-rope-linear", "RoPE scaling of the global blocks only"},
    {"gemma3-new-spelling", "rope_parameters by layer type"},
    {"gemma3-pattern", "sliding_window_pattern"},
    {"gemma3-final-cap", "soft-cap on logits"},
};

constexpr double kGlobalBase = 1'000'000.0;
constexpr double kLocalBase = 10'000.0;
constexpr int32_t kGlobalRotary = 0;
constexpr int32_t kLocalRotary = 1;

DecoderConfig read_common(const ConfigReader& config, LlamaDefaults defaults) {
  config.refuse_unless("use_bidirectional_attention", false, "attention must be causal");
  defaults.head_size = 256;
  defaults.activation = "gelu_pytorch_tanh";
  defaults.tied_head = true;
  DecoderConfig decoder = read_llama_like(config, defaults);
  read_attention_bias(config, decoder);
  decoder.embedding_scale = std::sqrt(static_cast<double>(decoder.hidden));
  decoder.norm_unit_offset = true;
  require_whole_rotary(config, decoder);
  return decoder;
}

DecoderConfig read_gemma(const ConfigReader& config) {
  DecoderConfig decoder = read_common(config, {.max_positions = 8192, .kv_heads = 16});
  // GemmaConfig: "gelu" is a legacy value that means the tanh form.
  if (decoder.activation == Activation::kGeluErf) {
    decoder.activation = Activation::kGeluTanh;
  }
  return decoder;
}

// An absent key has the default, null switches the cap off.
double read_cap(const ConfigReader& config, std::string_view key, double otherwise) {
  const bool null = config.json().contains(key) && !config.has(key);
  return null || (otherwise == 0 && !config.has(key)) ? 0 : config.positive_or(key, otherwise);
}

void set_scale(const ConfigReader& config, DecoderConfig& decoder) {
  const double scale = 1 / std::sqrt(config.positive_or("query_pre_attn_scalar", 256));
  for (BlockConfig& block : decoder.per_block) {
    block.attention_scale = scale;
  }
}

DecoderConfig read_gemma2(const ConfigReader& config) {
  DecoderConfig decoder = read_common(
      config, {.max_positions = 8192, .kv_heads = 4, .activation_key = "hidden_activation"});
  decoder.norm_placement = NormPlacement::kSandwich;
  decoder.attention_cap = read_cap(config, "attn_logit_softcapping", 50.0);
  decoder.logit_cap = read_cap(config, "final_logit_softcapping", 30.0);
  set_scale(config, decoder);
  set_windows(config, decoder, read_window(config, "sliding_window", 4096), all_but_every(2));
  return decoder;
}

// Settings of the blocks without a window, then of those with one: Gemma3TextConfig,
// convert_rope_params_to_dict.
std::vector<RotaryConfig> read_rotaries(const ConfigReader& config, const DecoderConfig& decoder) {
  const double bases[] = {config.positive_or("rope_theta", kGlobalBase),
                          config.positive_or("rope_local_base_freq", kLocalBase)};
  std::vector<RotaryConfig> rotaries;
  for (const int32_t which : {kGlobalRotary, kLocalRotary}) {
    const std::string_view type = which == kGlobalRotary ? "full_attention" : "sliding_attention";
    RotaryConfig plain{.dimensions = decoder.head_size, .base = bases[which]};
    const bool nested = config.has("rope_parameters") && config.object("rope_parameters").has(type);
    rotaries.push_back(
        nested ? read_rotary_object(
                     config, config.object("rope_parameters").object(type), decoder, bases[which])
               : plain);
  }
  if (config.has("rope_scaling")) {
    rotaries[kGlobalRotary] = read_rotary_object(
        config, config.object("rope_scaling"), decoder, rotaries[kGlobalRotary].base);
  }
  return rotaries;
}

DecoderConfig read_gemma3(const ConfigReader& config) {
  DecoderConfig decoder = read_common(config,
                                      {.max_positions = 131072,
                                       .kv_heads = 4,
                                       .activation_key = "hidden_activation",
                                       .rotary_by_family = true});
  decoder.norm_placement = NormPlacement::kSandwich;
  decoder.qk_norm = QkNorm::kHead;
  decoder.rotaries = read_rotaries(config, decoder);
  require_whole_rotary(config, decoder);
  // attn_logit_softcapping is read by the config and by nothing else.
  decoder.logit_cap = read_cap(config, "final_logit_softcapping", 0);
  set_scale(config, decoder);
  const int64_t window = read_window(config, "sliding_window", 4096);
  set_windows(
      config, decoder, window, all_but_every(config.integer_or("sliding_window_pattern", 6, 1)));
  for (BlockConfig& block : decoder.per_block) {
    block.rotary = block.window > 0 ? kLocalRotary : kGlobalRotary;
  }
  return decoder;
}

}  // namespace

const Family kGemmaFamily = {"gemma",
                             "Gemma 1",
                             kGemmaTypes,
                             kGemmaArchitectures,
                             kLlamaPrefixes,
                             kGemmaQuirks,
                             read_gemma,
                             plain_llama_rows};

const Family kGemma2Family = {"gemma2",
                              "Gemma 2",
                              kGemma2Types,
                              kGemma2Architectures,
                              kLlamaPrefixes,
                              kGemma2Quirks,
                              read_gemma2,
                              plain_llama_rows};

const Family kGemma3Family = {"gemma3",
                              "Gemma 3, text models",
                              kGemma3Types,
                              kGemma3Architectures,
                              kLlamaPrefixes,
                              kGemma3Quirks,
                              read_gemma3,
                              plain_llama_rows};

}  // namespace linscan
