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
  make_blocks(config, decoder, {"num_hidden_layers"}, read_window(config, "sliding_window", 0));
  return decoder;
}

std::vector<WeightRow> weight_rows(const DecoderConfig& config) {
  return llama_rows(config, {.qkv = "self_attn.qkv_proj", .gate_up = "mlp.gate_up_proj"});
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
