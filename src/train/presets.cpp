#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "linscan/base/error.h"
#include "linscan/train/pretraining.h"

namespace linscan {
namespace {

struct Preset {
  const char* name;
  const char* architecture;
  const char* model_type;
  int64_t hidden, mlp, blocks, heads, kv_heads;
  bool tied;
  double spread;
  const char* dtype;
};

// The paper names sizes only (section 4.2: Mistral, 150 and 650 million parameters); the shapes are
// ours, with a vocabulary of 32,000: 152 and 647 million.
constexpr Preset kPresets[] = {
    {"demo", "LlamaForCausalLM", "llama", 128, 320, 6, 4, 2, true, 0.04, "bfloat16"},
    {"mistral-150m", "MistralForCausalLM", "mistral", 768, 2560, 14, 12, 4, false, 0.02, "float32"},
    {"mistral-650m",
     "MistralForCausalLM",
     "mistral",
     1408,
     4864,
     24,
     22,
     11,
     true,
     0.02,
     "float32"},
};

}  // namespace

Json preset_architecture(const std::string& name, int64_t vocabulary, int64_t context) {
  std::string names;
  for (const Preset& preset : kPresets) {
    if (name == preset.name) {
      Json config = {{"architectures", {preset.architecture}},
                     {"model_type", preset.model_type},
                     {"vocab_size", vocabulary},
                     {"hidden_size", preset.hidden},
                     {"intermediate_size", preset.mlp},
                     {"num_hidden_layers", preset.blocks},
                     {"num_attention_heads", preset.heads},
                     {"num_key_value_heads", preset.kv_heads},
                     {"hidden_act", "silu"},
                     {"max_position_embeddings", context},
                     {"rms_norm_eps", 1e-5},
                     {"rope_theta", 10000.0},
                     {"initializer_range", preset.spread},
                     {"tie_word_embeddings", preset.tied},
                     {"use_cache", true},
                     {"torch_dtype", preset.dtype}};
      if (config["model_type"] == "mistral") {
        config["sliding_window"] = nullptr;
      } else {
        config["attention_bias"] = false;
        config["mlp_bias"] = false;
      }
      return config;
    }
    names += fmt::format("{}{}", names.empty() ? "" : ", ", preset.name);
  }
  fail(ErrorKind::kUsage,
       "--architecture '{}': is neither a file nor one of the presets {}",
       name,
       names);
}

}  // namespace linscan
