// Nemotron-NAS (Llama-3_1-Nemotron-51B, -49B): Llama with blocks that differ, by `block_configs`.
// Attention may be missing or a linear map, MLPs have sizes of their own. As llama.cpp (DeciModel
// of its converter, src/models/deci.cpp), vLLM (nemotron_nas.py) and mlx-lm read it.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "linscan/base/error.h"
#include "model/families/nemotron.h"
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"nemotron-nas"};
constexpr std::string_view kArchitectures[] = {"DeciLMForCausalLM"};
constexpr Quirk kQuirks[] = {
    {"nemotron", "attention missing or a linear map, MLPs of several sizes"},
};

constexpr double kMaxMultiplier = 1e5;

// What `block_configs` says of one block.
struct BlockFacts {
  bool attends = false;
  int64_t group = 0;  // heads that share a key/value head
  int64_t mlp = 0;    // 0: none
  BlockForm form = BlockForm::kFull;
};

void refuse_variants(const ConfigReader& part) {
  for (const std::string_view key : {"sparsify",
                                     "window_length",
                                     "num_sink_tokens",
                                     "unshifted_sink",
                                     "use_prefill_window_in_sink_attention"}) {
    part.refuse_unless(key, false, "this variant of attention or MLP is not supported");
  }
}

int64_t read_mlp_size(const ConfigReader& ffn, int64_t hidden) {
  if (ffn.flag_or("no_op", false)) {
    return 0;
  }
  LINSCAN_CHECK(!ffn.flag_or("replace_with_linear", false),
                kUnsupported,
                "{}: an MLP that is a linear map is not supported",
                ffn.path("replace_with_linear"));
  const double multiplier = ffn.positive_or("ffn_mult", ffn.number("ffn_mult"));
  LINSCAN_CHECK(multiplier <= kMaxMultiplier,
                kInput,
                "{}: expected at most {}, got {}",
                ffn.path("ffn_mult"),
                kMaxMultiplier,
                multiplier);
  const int64_t size = nemotron_mlp_size(multiplier, hidden);
  LINSCAN_CHECK(size > 0, kInput, "{}: {} makes no MLP", ffn.path("ffn_mult"), multiplier);
  return size;
}

BlockFacts read_block(const ConfigReader& block, int64_t hidden) {
  const ConfigReader attention = block.object("attention");
  const ConfigReader ffn = block.object("ffn");
  refuse_variants(attention);
  refuse_variants(ffn);
  BlockFacts facts;
  facts.mlp = read_mlp_size(ffn, hidden);
  const bool missing = attention.flag_or("no_op", false);
  const bool linear = !missing && attention.flag_or("replace_with_linear", false);
  facts.attends = !missing && !linear;
  if (facts.attends) {
    facts.group = attention.size({"n_heads_in_group"});
  }
  LINSCAN_CHECK(facts.mlp > 0 || linear,
                kUnsupported,
                "{}: a block without MLP is supported only where its attention is a linear map",
                ffn.path("no_op"));
  if (linear) {
    facts.form = facts.mlp > 0 ? BlockForm::kLinearAttention : BlockForm::kNormedLinear;
  } else if (missing) {
    facts.form = BlockForm::kNoAttention;
  }
  return facts;
}

std::vector<BlockFacts> read_blocks(const ConfigReader& config) {
  const int64_t hidden = config.size({"hidden_size"});
  std::vector<BlockFacts> facts;
  for (const ConfigReader& block : config.objects("block_configs")) {
    facts.push_back(read_block(block, hidden));
  }
  LINSCAN_CHECK(!facts.empty(), kInput, "{}: no blocks", config.path("block_configs"));
  return facts;
}

int64_t read_kv_heads(const ConfigReader& config, const std::vector<BlockFacts>& blocks) {
  const int64_t heads = config.size({"num_attention_heads"});
  int64_t group = 0;
  for (const BlockFacts& block : blocks) {
    LINSCAN_CHECK(!block.attends || group == 0 || block.group == group,
                  kUnsupported,
                  "{}: attention.n_heads_in_group is {} in one block and {} in another; this "
                  "program takes one number for all blocks",
                  config.path("block_configs"),
                  group,
                  block.group);
    group = block.attends ? block.group : group;
  }
  LINSCAN_CHECK(group == 0 || heads % group == 0,
                kInput,
                "{}: {} heads in groups of {}",
                config.path("block_configs"),
                heads,
                group);
  return group == 0 ? heads : heads / group;
}

DecoderConfig read_config(const ConfigReader& config) {
  const std::vector<BlockFacts> blocks = read_blocks(config);
  const int64_t mlp = std::ranges::max(blocks, {}, &BlockFacts::mlp).mlp;
  Json llama = config.json();  // with the sizes that Llama has in one place
  llama["num_key_value_heads"] = read_kv_heads(config, blocks);
  llama["intermediate_size"] = mlp > 0 ? mlp : kNemotronMlpStep;
  const ConfigReader reader(llama, config.where());
  DecoderConfig decoder = read_llama_like(reader);
  read_attention_bias(reader, decoder);
  decoder.mlp_bias = reader.flag_or("mlp_bias", false);
  require_whole_rotary(reader, decoder);
  LINSCAN_CHECK(blocks.size() == decoder.per_block.size(),
                kInput,
                "{}: {} entries for {} blocks",
                config.path("block_configs"),
                blocks.size(),
                decoder.per_block.size());
  for (size_t i = 0; i < blocks.size(); ++i) {
    decoder.per_block[i].form = blocks[i].form;
    decoder.per_block[i].mlp = blocks[i].mlp == decoder.mlp ? 0 : blocks[i].mlp;
  }
  return decoder;
}

std::vector<WeightRow> weight_rows(const DecoderConfig& config) {
  std::vector<WeightRow> rows = llama_rows(config);
  rows.push_back({"@layers.{}.self_attn.linear_attn.weight", Slot::kMapWeight, "C,C"});
  return rows;
}

}  // namespace

int64_t nemotron_mlp_size(double multiplier, int64_t hidden) {
  // The order of operations is that of the programs that read it.
  const auto size = static_cast<int64_t>(2 * multiplier * static_cast<double>(hidden) / 3);
  return (size + kNemotronMlpStep - 1) / kNemotronMlpStep * kNemotronMlpStep;
}

double nemotron_multiplier(int64_t mlp, int64_t hidden) {
  // Rounded down to six digits, as some readers round it: the size is then rounded up to `mlp`.
  const double exact = 3.0 * static_cast<double>(mlp) / (2.0 * static_cast<double>(hidden));
  return std::floor(exact * 1e6) / 1e6;
}

const Family kNemotronFamily = {"nemotron",
                                "Nemotron-NAS: Llama-3_1-Nemotron-51B, -49B",
                                kModelTypes,
                                kArchitectures,
                                kLlamaPrefixes,
                                kQuirks,
                                read_config,
                                weight_rows};

}  // namespace linscan
