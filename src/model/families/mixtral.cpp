// Mixtral: HF modeling_mixtral.py. Mistral with experts, whose tensors keep their names of the
// release.
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"mixtral"};
constexpr std::string_view kArchitectures[] = {"MixtralForCausalLM"};
constexpr Quirk kQuirks[] = {
    {"mixtral", "experts, router weights normalised"},
    {"mixtral-window", "sliding window"},
    {"mixtral-head-dim", "head_dim beside hidden_size / heads"},
};

DecoderConfig read_config(const ConfigReader& config) {
  DecoderConfig decoder = read_llama_like(
      config, {.max_positions = 131072, .kv_heads = 8, .eps = 1e-5, .rotary = {.base = 1000000.0}});
  require_whole_rotary(config, decoder);
  make_blocks(config, decoder, {"num_hidden_layers"}, read_window(config, "sliding_window", 0));
  decoder.experts = {.count = config.size_or({"num_local_experts", "num_experts"}, 8),
                     .active = config.size_or({"num_experts_per_tok"}, 2),
                     .size = decoder.mlp,
                     .normalized = true};
  mark_expert_blocks(config, decoder);
  return decoder;
}

std::vector<WeightRow> weight_rows(const DecoderConfig& config) {
  std::vector<WeightRow> rows = llama_rows(config);
  add_experts(rows,
              config,
              {.router = "block_sparse_moe.gate",
               .gate = "block_sparse_moe.experts.{}.w1",
               .up = "block_sparse_moe.experts.{}.w3",
               .down = "block_sparse_moe.experts.{}.w2"});
  return rows;
}

}  // namespace

const Family kMixtralFamily = {"mixtral",
                               "Mixtral",
                               kModelTypes,
                               kArchitectures,
                               kLlamaPrefixes,
                               kQuirks,
                               read_config,
                               weight_rows};

}  // namespace linscan
