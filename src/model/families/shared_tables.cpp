// Weight tables that families share: rows of norms, linear layers, and of Llama's layout.
#include "model/families/shared.h"

namespace linscan {
namespace {

std::string in_block(std::string_view name) {
  return "@layers.{}." + std::string(name);
}

void add_qk_norms(std::vector<WeightRow>& rows,
                  const DecoderConfig& config,
                  const LlamaNames& names) {
  const auto add = [&](std::string_view name, const std::string& heads, Slot weight, Slot bias) {
    const std::string prefix = in_block(name);
    switch (config.qk_norm) {
      case QkNorm::kNone:
        return;
      case QkNorm::kHead:
        rows.push_back({prefix + ".weight", weight, "D"});
        if (config.qk_norm_bias) {
          rows.push_back({prefix + ".bias", bias, "D"});
        }
        return;
      case QkNorm::kEachHead:
        if (prefix.ends_with("{}")) {
          rows.push_back({prefix + ".weight", weight, "D", Transform::kRowOfSlot});
        } else {
          rows.push_back({prefix + ".weight", weight, heads + ",D"});
        }
        return;
      case QkNorm::kWhole:
        rows.push_back({prefix + ".weight", weight, heads + "D"});
        return;
    }
  };
  add(names.query_norm, "H", Slot::kQueryNormWeight, Slot::kQueryNormBias);
  add(names.key_norm, "K", Slot::kKeyNormWeight, Slot::kKeyNormBias);
}

// The four names of Llama's descendants, by where the norms stand.
void add_block_norms(std::vector<WeightRow>& rows, const DecoderConfig& config) {
  if (config.has_input_norms()) {
    add_norm(rows,
             config,
             in_block("input_layernorm"),
             Slot::kAttentionNormWeight,
             Slot::kAttentionNormBias);
  }
  if (config.has_output_norms()) {
    add_norm(rows,
             config,
             in_block("post_attention_layernorm"),
             Slot::kAttentionOutputNormWeight,
             Slot::kAttentionOutputNormBias);
    add_norm(rows,
             config,
             in_block("post_feedforward_layernorm"),
             Slot::kMlpOutputNormWeight,
             Slot::kMlpOutputNormBias);
  }
  if (config.has_input_norms() && config.residual != ResidualKind::kParallelOneNorm) {
    const std::string_view name =
        config.has_output_norms() ? "pre_feedforward_layernorm" : "post_attention_layernorm";
    add_norm(rows, config, in_block(name), Slot::kMlpNormWeight, Slot::kMlpNormBias);
  }
}

void add_queries_keys_values(std::vector<WeightRow>& rows,
                             const DecoderConfig& config,
                             const LlamaNames& names) {
  const bool bias = config.qkv_bias;
  if (!names.qkv.empty()) {
    add_linear(
        rows, in_block(names.qkv), Slot::kQkvWeight, "HD+2KD,C", Slot::kQkvBias, "HD+2KD", bias);
    return;
  }
  add_linear(
      rows, in_block("self_attn.q_proj"), Slot::kQueryWeight, "HD,C", Slot::kQueryBias, "HD", bias);
  add_linear(
      rows, in_block("self_attn.k_proj"), Slot::kKeyWeight, "KD,C", Slot::kKeyBias, "KD", bias);
  add_linear(
      rows, in_block("self_attn.v_proj"), Slot::kValueWeight, "KD,C", Slot::kValueBias, "KD", bias);
}

void add_attention(std::vector<WeightRow>& rows,
                   const DecoderConfig& config,
                   const LlamaNames& names) {
  add_queries_keys_values(rows, config, names);
  add_linear(rows,
             in_block(names.output),
             Slot::kOutputWeight,
             "C,HD",
             Slot::kOutputBias,
             "C",
             config.attention_output_bias);
  add_qk_norms(rows, config, names);
  add_ignored(rows, in_block("self_attn.rotary_emb.inv_freq"));
}

void add_dense_mlp(std::vector<WeightRow>& rows,
                   const DecoderConfig& config,
                   const LlamaNames& names) {
  const size_t first = rows.size();
  const bool bias = config.mlp_bias;
  if (!names.gate_up.empty()) {
    rows.push_back({in_block(names.gate_up) + ".weight", Slot::kGateUpWeight, "2F,C"});
  } else {
    if (config.mlp_kind == MlpKind::kGated) {
      add_linear(rows, in_block(names.gate), Slot::kGateWeight, "F,C", Slot::kGateBias, "F", bias);
    }
    add_linear(rows, in_block(names.up), Slot::kUpWeight, "F,C", Slot::kUpBias, "F", bias);
  }
  add_linear(rows, in_block(names.down), Slot::kDownWeight, "C,F", Slot::kDownBias, "C", bias);
  for (size_t row = first; row < rows.size(); ++row) {
    rows[row].blocks = BlockSet::kDense;
  }
}

}  // namespace

std::vector<WeightRow> llama_rows(const DecoderConfig& config, const LlamaNames& names) {
  std::vector<WeightRow> rows;
  rows.push_back({"@embed_tokens.weight", Slot::kTokenEmbedding, "V,C"});
  add_block_norms(rows, config);
  add_attention(rows, config, names);
  add_dense_mlp(rows, config, names);
  add_norm(rows,
           config,
           "@" + std::string(names.final_norm),
           Slot::kFinalNormWeight,
           Slot::kFinalNormBias);
  rows.push_back({"lm_head.weight", Slot::kHead, "V,C"});
  if (config.head_bias) {
    rows.push_back({"lm_head.bias", Slot::kHeadBias, "V"});
  }
  add_ignored(rows, "@rotary_emb.inv_freq");
  return rows;
}

std::vector<WeightRow> plain_llama_rows(const DecoderConfig& config) {
  return llama_rows(config);
}

void add_experts(std::vector<WeightRow>& rows,
                 const DecoderConfig& config,
                 const ExpertNames& names) {
  const auto add = [&](std::string_view name, Slot slot, const std::string& shape) {
    rows.push_back({in_block(name) + ".weight",
                    slot,
                    shape,
                    Transform::kNone,
                    Presence::kRequired,
                    BlockSet::kExperts});
  };
  add(names.router, Slot::kRouterWeight, "X,C");
  add(names.gate, Slot::kExpertGateWeight, "M,C");
  add(names.up, Slot::kExpertUpWeight, "M,C");
  add(names.down, Slot::kExpertDownWeight, "C,M");
  if (config.experts.shared_size > 0) {
    add("mlp.shared_expert.gate_proj", Slot::kSharedGateWeight, "S,C");
    add("mlp.shared_expert.up_proj", Slot::kSharedUpWeight, "S,C");
    add("mlp.shared_expert.down_proj", Slot::kSharedDownWeight, "C,S");
    add("mlp.shared_expert_gate", Slot::kSharedRouterWeight, "1,C");
  }
}

void add_norm(std::vector<WeightRow>& rows,
              const DecoderConfig& config,
              const std::string& prefix,
              Slot weight,
              Slot bias) {
  if (!config.norm_affine) {
    return;
  }
  rows.push_back({prefix + ".weight", weight, "C"});
  if (config.norm_bias) {
    rows.push_back({prefix + ".bias", bias, "C"});
  }
}

void add_linear(std::vector<WeightRow>& rows,
                const std::string& prefix,
                Slot weight,
                const std::string& weight_shape,
                Slot bias,
                const std::string& bias_shape,
                bool has_bias,
                Transform weight_transform,
                Transform bias_transform) {
  rows.push_back({prefix + ".weight", weight, weight_shape, weight_transform});
  if (has_bias) {
    rows.push_back({prefix + ".bias", bias, bias_shape, bias_transform});
  }
}

void add_megatron_layers(std::vector<WeightRow>& rows,
                         const DecoderConfig& config,
                         const std::string& block,
                         const std::string& attention) {
  add_linear(rows,
             block + attention + ".query_key_value",
             Slot::kQkvWeight,
             "HD+2KD,C",
             Slot::kQkvBias,
             "HD+2KD",
             config.qkv_bias,
             Transform::kQkvPerGroup,
             Transform::kQkvPerGroup);
  add_linear(rows,
             block + attention + ".dense",
             Slot::kOutputWeight,
             "C,HD",
             Slot::kOutputBias,
             "C",
             config.attention_output_bias);
  add_linear(rows,
             block + "mlp.dense_h_to_4h",
             Slot::kUpWeight,
             "F,C",
             Slot::kUpBias,
             "F",
             config.mlp_bias);
  add_linear(rows,
             block + "mlp.dense_4h_to_h",
             Slot::kDownWeight,
             "C,F",
             Slot::kDownBias,
             "C",
             config.mlp_bias);
}

void add_ignored(std::vector<WeightRow>& rows, const std::string& pattern) {
  rows.push_back({pattern, Slot::kCount, "", Transform::kNone, Presence::kIgnored});
}

}  // namespace linscan
