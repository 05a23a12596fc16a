// Qwen2 and Qwen2.5: biases on queries, keys and values only; Qwen3: norms on queries and keys. And
// their mixtures of experts. HF modeling_qwen2.py, modeling_qwen3.py, modeling_qwen2_moe.py,
// modeling_qwen3_moe.py.
#include <nlohmann/json.hpp>

#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kQwen2Types[] = {"qwen2"};
constexpr std::string_view kQwen2Architectures[] = {"Qwen2ForCausalLM"};
constexpr Quirk kQwen2Quirks[] = {
    {"qwen2", "biases on queries, keys and values only"},
    {"qwen2-window", "window from block max_window_layers on"},
    {"qwen2-window-off", "window only with use_sliding_window"},
    {"qwen2-layer-types", "window by layer_types"},
    {"qwen2-tied", "tied head"},
    {"qwen2-rope-yarn", "YaRN scaling"},
};

constexpr std::string_view kQwen3Types[] = {"qwen3"};
constexpr std::string_view kQwen3Architectures[] = {"Qwen3ForCausalLM"};
constexpr Quirk kQwen3Quirks[] = {
    {"qwen3", "norms on queries and keys, by head"},
    {"qwen3-attention-bias", "attention biases"},
    {"qwen3-window", "window from block max_window_layers on"},
};

constexpr std::string_view kQwen2MoeTypes[] = {"qwen2_moe"};
constexpr std::string_view kQwen2MoeArchitectures[] = {"Qwen2MoeForCausalLM"};
constexpr Quirk kQwen2MoeQuirks[] = {
    {"qwen2-moe", "experts beside a shared expert behind a gate"},
    {"qwen2-moe-normalized", "router weights normalised"},
    {"qwen2-moe-sparse-step", "experts in some blocks only"},
    {"qwen2-moe-no-bias", "without biases"},
    {"qwen2-moe-window", "windows in every other block"},
};

constexpr std::string_view kQwen3MoeTypes[] = {"qwen3_moe"};
constexpr std::string_view kQwen3MoeArchitectures[] = {"Qwen3MoeForCausalLM"};
constexpr Quirk kQwen3MoeQuirks[] = {
    {"qwen3-moe", "experts, norms on queries and keys"},
    {"qwen3-moe-normalized", "router weights normalised"},
    {"qwen3-moe-dense-layers", "experts in some blocks only"},
    {"qwen3-moe-window", "window in every block"},
};

// 0 unless use_sliding_window is set.
int64_t window_in_use(const ConfigReader& config) {
  return config.flag_or("use_sliding_window", false) ? read_window(config, "sliding_window", 4096)
                                                     : 0;
}

DecoderConfig read_qwen2(const ConfigReader& config) {
  DecoderConfig decoder = read_llama_like(config, {.max_positions = 32768, .kv_heads = 32});
  require_whole_rotary(config, decoder);
  decoder.qkv_bias = true;
  set_windows(config,
              decoder,
              window_in_use(config),
              from_block(config.integer_or("max_window_layers", 28)));
  return decoder;
}

DecoderConfig read_qwen3(const ConfigReader& config) {
  DecoderConfig decoder =
      read_llama_like(config, {.max_positions = 32768, .kv_heads = 32, .head_size = 128});
  require_whole_rotary(config, decoder);
  read_attention_bias(config, decoder);
  decoder.qk_norm = QkNorm::kHead;
  set_windows(config,
              decoder,
              window_in_use(config),
              from_block(config.integer_or("max_window_layers", 28)));
  return decoder;
}

void read_experts(const ConfigReader& config, DecoderConfig& decoder, const ExpertsConfig& usual) {
  ExpertsConfig& experts = decoder.experts;
  experts = usual;
  experts.count = config.size_or({"num_experts", "num_local_experts"}, usual.count);
  experts.active = config.size_or({"num_experts_per_tok"}, usual.active);
  experts.size = config.size_or({"moe_intermediate_size"}, usual.size);
  experts.normalized = config.flag_or("norm_topk_prob", false);
  mark_expert_blocks(
      config, decoder, config.integer_or("decoder_sparse_step", 1, 1), "mlp_only_layers");
}

DecoderConfig read_qwen2_moe(const ConfigReader& config) {
  DecoderConfig decoder = read_llama_like(config, {.max_positions = 32768, .kv_heads = 16});
  require_whole_rotary(config, decoder);
  decoder.qkv_bias = config.flag_or("qkv_bias", true);
  read_experts(config,
               decoder,
               {.count = 60,
                .active = 4,
                .size = 1408,
                .shared_size = config.size_or({"shared_expert_intermediate_size"}, 5632)});
  // Qwen2MoeConfig: without layer_types, every other one of the first max_window_layers blocks.
  const int64_t end = config.integer_or("max_window_layers", 28);
  set_windows(config, decoder, window_in_use(config), [end](int64_t block) {
    return block % 2 == 0 && block < end;
  });
  return decoder;
}

DecoderConfig read_qwen3_moe(const ConfigReader& config) {
  DecoderConfig decoder = read_llama_like(config, {.max_positions = 32768, .kv_heads = 4});
  require_whole_rotary(config, decoder);
  read_attention_bias(config, decoder);
  decoder.qk_norm = QkNorm::kHead;
  read_experts(config, decoder, {.count = 128, .active = 8, .size = 768});
  for (BlockConfig& block : decoder.per_block) {
    block.window = window_in_use(config);
  }
  return decoder;
}

std::vector<WeightRow> moe_rows(const DecoderConfig& config) {
  std::vector<WeightRow> rows = llama_rows(config);
  add_experts(rows, config);
  return rows;
}

}  // namespace

const Family kQwen2Family = {"qwen2",
                             "Qwen2, Qwen2.5",
                             kQwen2Types,
                             kQwen2Architectures,
                             kLlamaPrefixes,
                             kQwen2Quirks,
                             read_qwen2,
                             plain_llama_rows};

const Family kQwen3Family = {"qwen3",
                             "Qwen3",
                             kQwen3Types,
                             kQwen3Architectures,
                             kLlamaPrefixes,
                             kQwen3Quirks,
                             read_qwen3,
                             plain_llama_rows};

const Family kQwen2MoeFamily = {"qwen2_moe",
                                "Qwen1.5-MoE, Qwen2-MoE",
                                kQwen2MoeTypes,
                                kQwen2MoeArchitectures,
                                kLlamaPrefixes,
                                kQwen2MoeQuirks,
                                read_qwen2_moe,
                                moe_rows};

const Family kQwen3MoeFamily = {"qwen3_moe",
                                "Qwen3-MoE",
                                kQwen3MoeTypes,
                                kQwen3MoeArchitectures,
                                kLlamaPrefixes,
                                kQwen3MoeQuirks,
                                read_qwen3_moe,
                                moe_rows};

}  // namespace linscan
