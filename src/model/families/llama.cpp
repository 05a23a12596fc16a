// Llama 1-3, TinyLlama, SmolLM 1/2, DeepSeek-LLM and Mistral: HF modeling_llama.py,
// modeling_mistral.py.
#include <nlohmann/json.hpp>

#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"llama", "mistral"};
constexpr std::string_view kArchitectures[] = {"LlamaForCausalLM", "MistralForCausalLM"};
constexpr int64_t kMistralDefaultWindow = 4096;
constexpr int64_t kMistralDefaultKvHeads = 8;

constexpr Quirk kQuirks[] = {
    {"llama-gqa", "grouped-query attention"},
    {"llama-mqa", "one key/value head"},
    {"llama-head-dim", "head_dim beside hidden_size / heads"},
    {"llama-attention-bias", "attention biases"},
    {"llama-mlp-bias", "MLP biases"},
    {"llama-tied", "tied head, stored as embedding"},
    {"llama-tied-stored-as-head", "tied head, stored as head"},
    {"llama-rope-linear", "linear RoPE scaling"},
    {"llama-rope-dynamic-beyond", "dynamic RoPE scaling past the context"},
    {"llama-rope-llama3", "llama3 RoPE scaling"},
    {"llama-rope-yarn", "YaRN scaling"},
    {"mistral-window", "sliding window"},
};

// transformers goes by model_type; without one the architecture says it.
bool is_mistral(const ConfigReader& config) {
  if (config.has("model_type")) {
    return config.text_or("model_type", "") == "mistral";
  }
  return config.json().at("architectures").front() == "MistralForCausalLM";
}

DecoderConfig read_mistral(const ConfigReader& config) {
  // Missing keys mean 8 key/value heads and a window of 4096, null ones as many as there are heads
  // and no window. modeling_mistral.py builds its projections without biases.
  DecoderConfig decoder =
      read_llama_like(config, {.max_positions = 131072, .kv_heads = kMistralDefaultKvHeads});
  make_blocks(config,
              decoder,
              {"num_hidden_layers"},
              read_window(config, "sliding_window", kMistralDefaultWindow));
  return decoder;
}

DecoderConfig read_config(const ConfigReader& config) {
  DecoderConfig decoder = is_mistral(config) ? read_mistral(config) : read_llama_like(config);
  if (!is_mistral(config)) {
    read_attention_bias(config, decoder);
    decoder.mlp_bias = config.flag_or("mlp_bias", false);
  }
  require_whole_rotary(config, decoder);
  return decoder;
}

}  // namespace

const Family kLlamaFamily = {"llama",
                             "Llama 1-3, TinyLlama, SmolLM 1/2, DeepSeek-LLM, Mistral 7B",
                             kModelTypes,
                             kArchitectures,
                             kLlamaPrefixes,
                             kQuirks,
                             read_config,
                             plain_llama_rows};

}  // namespace linscan
