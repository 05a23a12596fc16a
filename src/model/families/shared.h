// What several families read from config.json in the same way, and the tables of weights they
// share.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/model/config.h"
#include "linscan/model/family.h"
#include "model/config_reader.h"

namespace linscan {

// Base-model prefixes of Llama's descendants.
inline constexpr std::string_view kLlamaPrefixes[] = {"model.", ""};

// Activation by its HF name (transformers activations.py, ACT2FN); `key` names it in errors.
Activation read_activation(const ConfigReader& config,
                           std::string_view key,
                           std::string_view otherwise);

// Where a family keeps its rotary settings in the 4.x spelling, and what holds without them.
struct RotaryKeys {
  std::string_view base_key = "rope_theta";
  double base = 10000.0;
  std::string_view share_key = "partial_rotary_factor";
  double share = 1.0;              // of the head that is rotated
  int64_t original_positions = 0;  // context of the unscaled model; 0: the model's own
  bool interleaved = false;
};

// Rotary settings of either spelling: `rope_parameters` (transformers 5) or `rope_scaling` beside
// the base (4.x). head_size and max_positions of `decoder` must be known.
RotaryConfig read_rotary(const ConfigReader& config,
                         const DecoderConfig& decoder,
                         const RotaryKeys& keys = {});

// The settings in the object `rope` alone, which is one block type's part of `rope_parameters` or a
// whole `rope_scaling`; `base` where it names none.
RotaryConfig read_rotary_object(const ConfigReader& config,
                                const ConfigReader& rope,
                                const DecoderConfig& decoder,
                                double base);

// Refuses a rotated share other than the whole head: modelling files that do not read it.
void require_whole_rotary(const ConfigReader& config, const DecoderConfig& decoder);

// Fills per_block with as many blocks as the first key that is present says, all alike: scale
// 1/sqrt(D), the first rotary settings where there are any, and the window.
void make_blocks(const ConfigReader& config,
                 DecoderConfig& decoder,
                 std::initializer_list<std::string_view> keys,
                 int64_t window = 0);

// The window of `key`: `otherwise` where the key is absent, none (0) where it is null.
int64_t read_window(const ConfigReader& config, std::string_view key, int64_t otherwise);

// Windows by the `layer_types` of config.json ("sliding_attention", "full_attention"); without that
// key, `sliding(block)` decides.
void set_windows(const ConfigReader& config,
                 DecoderConfig& decoder,
                 int64_t window,
                 const std::function<bool(int64_t block)>& sliding);

// For set_windows: all blocks but every `period`th one, and those from block `first` on.
std::function<bool(int64_t block)> all_but_every(int64_t period);
std::function<bool(int64_t block)> from_block(int64_t first);

// The key/value heads must divide the heads and, where the head size follows from them, the heads
// the hidden size.
void check_heads(const DecoderConfig& config,
                 const ConfigReader& reader,
                 bool head_size_given = false);

// What the configs of Llama's descendants have in common; null keys and absent ones mean the same
// unless said.
struct LlamaDefaults {
  int64_t max_positions = 2048;
  int64_t kv_heads = 0;   // where the key is absent; 0, and where it is null: as many as heads
  int64_t head_size = 0;  // 0: C / H
  NormKind norm = NormKind::kRmsNorm;
  std::string_view eps_key = "rms_norm_eps";
  double eps = 1e-6;
  MlpKind mlp = MlpKind::kGated;
  std::string_view activation_key = "hidden_act";
  std::string_view activation = "silu";
  bool tied_head = false;
  RotaryKeys rotary;
  bool rotary_by_family = false;  // the family reads its rotary settings itself
};

// Pre-norm, serial, no biases, every block alike; the family changes what differs.
DecoderConfig read_llama_like(const ConfigReader& config, const LlamaDefaults& defaults = {});

// ALiBi slopes in the order of BLOOM (modeling_bloom.py, build_alibi_tensor).
std::vector<float> alibi_slopes(int64_t heads);

// Names that differ between Llama's descendants, within a block or under the prefix.
struct LlamaNames {
  std::string_view qkv;  // fused; empty: q_proj, k_proj and v_proj
  std::string_view output = "self_attn.o_proj";
  std::string_view gate_up;  // fused; empty: the next two
  std::string_view gate = "mlp.gate_proj";
  std::string_view up = "mlp.up_proj";
  std::string_view down = "mlp.down_proj";
  std::string_view query_norm = "self_attn.q_norm";
  std::string_view key_norm = "self_attn.k_norm";
  std::string_view final_norm = "norm";
};

// The whole table of a model with Llama's layout; norms, biases and MLP as the config has them.
std::vector<WeightRow> llama_rows(const DecoderConfig& config, const LlamaNames& names = {});

// Names of a layer of experts within a block.
struct ExpertNames {
  std::string_view router = "mlp.gate";
  std::string_view gate = "mlp.experts.{}.gate_proj";
  std::string_view up = "mlp.experts.{}.up_proj";
  std::string_view down = "mlp.experts.{}.down_proj";
};

// Rows of the blocks that have experts.
void add_experts(std::vector<WeightRow>& rows,
                 const DecoderConfig& config,
                 const ExpertNames& names = {});

// A weight table without anything of the family's own.
std::vector<WeightRow> plain_llama_rows(const DecoderConfig& config);

// `attention_bias`: biases on queries, keys, values and the output.
void read_attention_bias(const ConfigReader& config, DecoderConfig& decoder);

// Checks the counts of `decoder.experts`, and marks the blocks that have them: every `step`th, but
// for those in the list `dense_key`.
void mark_expert_blocks(const ConfigReader& config,
                        DecoderConfig& decoder,
                        int64_t step = 1,
                        std::string_view dense_key = "");

// Rows "<prefix>.weight" and "<prefix>.bias" of a norm: as many as the config's norms have.
void add_norm(std::vector<WeightRow>& rows,
              const DecoderConfig& config,
              const std::string& prefix,
              Slot weight,
              Slot bias);

// Rows of a linear layer: the weight, and the bias where there is one.
void add_linear(std::vector<WeightRow>& rows,
                const std::string& prefix,
                Slot weight,
                const std::string& weight_shape,
                Slot bias,
                const std::string& bias_shape,
                bool has_bias,
                Transform weight_transform = Transform::kNone,
                Transform bias_transform = Transform::kNone);

// The layers of Megatron's descendants (GPT-NeoX, BLOOM, Falcon) under `block`: query/key/value
// fused by group, "dense" and "mlp.dense_...", with biases as the config has them. `attention` is
// "attention" or "self_attention".
void add_megatron_layers(std::vector<WeightRow>& rows,
                         const DecoderConfig& config,
                         const std::string& block,
                         const std::string& attention);

// A buffer that old files carry and nothing reads.
void add_ignored(std::vector<WeightRow>& rows, const std::string& pattern);

extern const Family kLlamaFamily;
extern const Family kGpt2Family;
extern const Family kGptJFamily;
extern const Family kGptNeoFamily;
extern const Family kGptNeoxFamily;
extern const Family kOptFamily;
extern const Family kBloomFamily;
extern const Family kFalconFamily;
extern const Family kMptFamily;
extern const Family kPhiFamily;
extern const Family kPhi3Family;
extern const Family kQwen2Family;
extern const Family kQwen3Family;
extern const Family kGemmaFamily;
extern const Family kGemma2Family;
extern const Family kGemma3Family;
extern const Family kStableLmFamily;
extern const Family kStarCoder2Family;
extern const Family kCohereFamily;
extern const Family kCohere2Family;
extern const Family kOlmoFamily;
extern const Family kOlmo2Family;
extern const Family kGlmFamily;
extern const Family kGraniteFamily;
extern const Family kSmolLm3Family;
extern const Family kMixtralFamily;
extern const Family kQwen2MoeFamily;
extern const Family kQwen3MoeFamily;
extern const Family kOlmoeFamily;
extern const Family kNemotronFamily;

}  // namespace linscan
