// Phi-3, Phi-3.5 and Phi-4: HF modeling_phi3.py. Llama with fused query/key/value and gate/up
// matrices, and longrope.
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"phi3"};
constexpr std::string_view kArchitectures[] = {"Phi3ForCausalLM"};
constexpr Quirk kQuirks[] = {
    {"phi3", "fused query/key/value and gate/up"},
    {"phi3-longrope-short", "longrope within the original context"},
    {"phi3-longrope-long", "longrope past it"},
    {"phi3-su", "rope type \"su\" of early files"},
    {"phi3-partial", "partial rotary"},
    {"phi3-window", "sliding window"},
    {"phi3-gqa", "grouped-query attention"},
};

DecoderConfig read_config(const ConfigReader& config) {
  DecoderConfig decoder = read_llama_like(
      config, {.max_positions = 4096, .eps = 1e-5, .rotary = {.original_positions = 4096}});
  make_blocks(config,
              decoder,
              {"num_hidden_layers"},
              read_window(config, "sliding_window", 0));
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
  rows.push_back({block + "self_attn.qkv_proj.weight", Slot::kQkvWeight, "HD+2KD,C"});
  rows.push_back({block + "self_attn.o_proj.weight", Slot::kOutputWeight, "C,HD"});
  add_norm(
      rows, config, block + "post_attention_layernorm", Slot::kMlpNormWeight, Slot::kMlpNormBias);
  rows.push_back({block + "mlp.gate_up_proj.weight", Slot::kGateUpWeight, "2F,C"});
  rows.push_back({block + "mlp.down_proj.weight", Slot::kDownWeight, "C,F"});
  add_norm(rows, config, "@norm", Slot::kFinalNormWeight, Slot::kFinalNormBias);
  rows.push_back({"lm_head.weight", Slot::kHead, "V,C"});
  add_ignored(rows, block + "self_attn.rotary_emb.inv_freq");
  return rows;
}

}  // namespace

const Family kPhi3Family = {"phi3",
                            "Phi-3, Phi-3.5, Phi-4",
                            kModelTypes,
                            kArchitectures,
                            kLlamaPrefixes,
                            kQuirks,
                            read_config,
                            weight_rows};

}  // namespace linscan
