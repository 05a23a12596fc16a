// MPT: HF modeling_mpt.py. ALiBi, no biases at all. Most keys of its config.json are read by
// nothing: expansion_ratio, learned_pos_emb, logit_scale, attn_config.alibi, alibi_bias_max and
// qk_ln.
#include <nlohmann/json.hpp>

#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"mpt"};
constexpr std::string_view kArchitectures[] = {"MptForCausalLM", "MPTForCausalLM"};
constexpr std::string_view kPrefixes[] = {"transformer.", ""};
constexpr Quirk kQuirks[] = {
    {"mpt", "ALiBi, LayerNorm without bias"},
    {"mpt-six-heads", "ALiBi slopes of a head count that is no power of two, in MPT's order"},
    {"mpt-clip", "queries, keys and values clipped"},
    {"mpt-scale", "softmax_scale"},
    {"mpt-ignored-keys", "keys that nothing reads"},
};

// build_mpt_alibi_tensor: those of the next power of two, every other one first.
std::vector<float> mpt_slopes(int64_t heads) {
  int64_t power = 1;
  while (power < heads) {
    power *= 2;
  }
  const std::vector<float> all = alibi_slopes(power);
  if (power == heads) {
    return all;
  }
  std::vector<float> slopes;
  for (const size_t first : {size_t{1}, size_t{0}}) {
    for (size_t i = first; i < all.size(); i += 2) {
      slopes.push_back(all[i]);
    }
  }
  slopes.resize(static_cast<size_t>(heads));
  return slopes;
}

void read_attention(const ConfigReader& attention, DecoderConfig& decoder) {
  if (attention.has("clip_qkv") && attention.number("clip_qkv") != 0) {
    decoder.qkv_clip = attention.positive_or("clip_qkv", 0);
  }
  if (attention.has("softmax_scale")) {
    for (BlockConfig& block : decoder.per_block) {
      block.attention_scale = attention.number("softmax_scale");
    }
  }
}

DecoderConfig read_config(const ConfigReader& config) {
  DecoderConfig decoder;
  decoder.hidden = config.size({"d_model", "hidden_size"});
  decoder.vocabulary = config.size({"vocab_size"});
  decoder.embedding = decoder.hidden;
  decoder.mlp = 4 * decoder.hidden;
  decoder.max_positions = config.size_or({"max_seq_len"}, 2048);
  decoder.norm_eps = config.positive_or("layer_norm_epsilon", 1e-5);
  decoder.norm_bias = false;
  decoder.heads = config.size({"n_heads", "num_attention_heads"});
  decoder.kv_heads = decoder.heads;
  decoder.head_size = decoder.hidden / decoder.heads;
  check_heads(decoder, config);
  decoder.alibi.slopes = mpt_slopes(decoder.heads);
  decoder.tied_head = config.flag_or("tie_word_embeddings", true);
  make_blocks(config, decoder, {"n_layers", "num_hidden_layers"});
  if (config.has("attn_config")) {
    read_attention(config.object("attn_config"), decoder);
  }
  return decoder;
}

std::vector<WeightRow> weight_rows(const DecoderConfig& config) {
  std::vector<WeightRow> rows;
  const std::string block = "@blocks.{}.";
  rows.push_back({"@wte.weight", Slot::kTokenEmbedding, "V,C"});
  add_norm(rows, config, block + "norm_1", Slot::kAttentionNormWeight, Slot::kAttentionNormBias);
  rows.push_back({block + "attn.Wqkv.weight", Slot::kQkvWeight, "3HD,C"});
  rows.push_back({block + "attn.out_proj.weight", Slot::kOutputWeight, "C,HD"});
  add_norm(rows, config, block + "norm_2", Slot::kMlpNormWeight, Slot::kMlpNormBias);
  rows.push_back({block + "ffn.up_proj.weight", Slot::kUpWeight, "F,C"});
  rows.push_back({block + "ffn.down_proj.weight", Slot::kDownWeight, "C,F"});
  add_norm(rows, config, "@norm_f", Slot::kFinalNormWeight, Slot::kFinalNormBias);
  rows.push_back({"lm_head.weight", Slot::kHead, "V,C"});
  return rows;
}

}  // namespace

const Family kMptFamily = {
    "mpt", "MPT", kModelTypes, kArchitectures, kPrefixes, kQuirks, read_config, weight_rows};

}  // namespace linscan
