// SmolLM3: HF modeling_smollm3.py. Llama of which every fourth block has no rotary.
#include "linscan/base/error.h"
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"smollm3"};
constexpr std::string_view kArchitectures[] = {"SmolLM3ForCausalLM"};
constexpr Quirk kQuirks[] = {
    {"smollm3", "no rotary in every fourth block"},
    {"smollm3-list", "no_rope_layers"},
    {"smollm3-window", "window in the blocks without rotary"},
    {"smollm3-biases", "attention and MLP biases"},
};

// no_rope_layers says 1 for blocks with rotary.
void drop_rotary(const ConfigReader& config, DecoderConfig& decoder) {
  const std::vector<double> list = config.numbers("no_rope_layers");
  const int64_t interval = config.integer_or("no_rope_layer_interval", 4, 1);
  LINSCAN_CHECK(list.empty() || list.size() == decoder.per_block.size(),
                kInput,
                "{}: {} entries for {} blocks",
                config.path("no_rope_layers"),
                list.size(),
                decoder.per_block.size());
  for (size_t block = 0; block < decoder.per_block.size(); ++block) {
    const bool rotates =
        list.empty() ? (static_cast<int64_t>(block) + 1) % interval != 0 : list[block] != 0;
    decoder.per_block[block].rotary = rotates ? 0 : kNoRotary;
  }
}

DecoderConfig read_config(const ConfigReader& config) {
  DecoderConfig decoder = read_llama_like(
      config,
      {.max_positions = 32768, .kv_heads = 4, .tied_head = true, .rotary = {.base = 2000000.0}});
  require_whole_rotary(config, decoder);
  read_attention_bias(config, decoder);
  decoder.mlp_bias = config.flag_or("mlp_bias", false);
  drop_rotary(config, decoder);
  const int64_t window =
      config.flag_or("use_sliding_window", false) ? read_window(config, "sliding_window", 0) : 0;
  set_windows(config, decoder, window, [&](int64_t block) {
    return decoder.per_block[static_cast<size_t>(block)].rotary == kNoRotary;
  });
  return decoder;
}

}  // namespace

const Family kSmolLm3Family = {"smollm3",
                               "SmolLM3",
                               kModelTypes,
                               kArchitectures,
                               kLlamaPrefixes,
                               kQuirks,
                               read_config,
                               plain_llama_rows};

}  // namespace linscan
