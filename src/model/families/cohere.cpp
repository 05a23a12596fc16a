// Cohere Command R and Command R7B: HF modeling_cohere.py, modeling_cohere2.py. Parallel sublayers
// behind one norm, interleaved rotary, scaled logits.
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kCohereTypes[] = {"cohere"};
constexpr std::string_view kCohereArchitectures[] = {"CohereForCausalLM"};
constexpr Quirk kCohereQuirks[] = {
    {"cohere", "parallel behind one norm without bias, interleaved rotary, scaled logits"},
    {"cohere-qk-norm", "norms on queries and keys with weights for each head"},
    {"cohere-no-theta", "RoPE base 500,000 where none is named"},
    {"cohere-attention-bias", "attention biases"},
};

constexpr std::string_view kCohere2Types[] = {"cohere2"};
constexpr std::string_view kCohere2Architectures[] = {"Cohere2ForCausalLM"};
constexpr Quirk kCohere2Quirks[] = {
    {"cohere2", "windows in three of four blocks, no rotary in the others"},
    {"cohere2-layer-types", "windows by layer_types"},
};

DecoderConfig read_common(const ConfigReader& config, double base) {
  DecoderConfig decoder = read_llama_like(config,
                                          {.max_positions = 8192,
                                           .norm = NormKind::kLayerNorm,
                                           .eps_key = "layer_norm_eps",
                                           .eps = 1e-5,
                                           .tied_head = true,
                                           .rotary = {.base = base, .interleaved = true}});
  require_whole_rotary(config, decoder);
  read_attention_bias(config, decoder);
  decoder.norm_bias = false;
  decoder.residual = ResidualKind::kParallelOneNorm;
  decoder.logit_scale = config.number_or("logit_scale", 0.0625);
  return decoder;
}

DecoderConfig read_cohere(const ConfigReader& config) {
  DecoderConfig decoder = read_common(config, 500000.0);
  decoder.qk_norm = config.flag_or("use_qk_norm", false) ? QkNorm::kEachHead : QkNorm::kNone;
  return decoder;
}

DecoderConfig read_cohere2(const ConfigReader& config) {
  DecoderConfig decoder = read_common(config, 10000.0);
  set_windows(config,
              decoder,
              read_window(config, "sliding_window", 4096),
              all_but_every(config.integer_or("sliding_window_pattern", 4, 1)));
  for (BlockConfig& block : decoder.per_block) {
    block.rotary = block.window > 0 ? 0 : kNoRotary;
  }
  return decoder;
}

}  // namespace

const Family kCohereFamily = {"cohere",
                              "Cohere Command R",
                              kCohereTypes,
                              kCohereArchitectures,
                              kLlamaPrefixes,
                              kCohereQuirks,
                              read_cohere,
                              plain_llama_rows};

const Family kCohere2Family = {"cohere2",
                               "Cohere Command R7B",
                               kCohere2Types,
                               kCohere2Architectures,
                               kLlamaPrefixes,
                               kCohere2Quirks,
                               read_cohere2,
                               plain_llama_rows};

}  // namespace linscan
