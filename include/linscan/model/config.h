// What a decoder is, in small enums and numbers. Every family maps its config.json to this; one
// block forward reads it.
//
// Dimension letters, used in shapes everywhere:
//   C hidden size   H heads   K key/value heads   D head size   F MLP size   V vocabulary   E
//   embedding width P learned positions   L blocks   B windows   T tokens of a window   N rows
//   (tokens of all windows, packed)   X experts   M MLP size of an expert   S of the shared expert
// Rows are tokens; a linear layer is y = x W^T + b with W (out, in).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace linscan {

enum class NormKind { kLayerNorm, kRmsNorm };

// Where the norms of a block stand.
enum class NormPlacement {
  kPre,       // on the input of each sublayer
  kPost,      // on the residual stream after each sublayer (OPT-350m)
  kSandwich,  // on the input and on the output of each sublayer (Gemma 2)
  kOutput,    // on the output of each sublayer only, before it is added (OLMo 2)
};

// Serial: x + attention, then + mlp of that. Parallel: attention and mlp both read x, each through
// its own norm (GPT-NeoX) or both through one (GPT-J).
enum class ResidualKind { kSerial, kParallel, kParallelOneNorm };

// Norms of queries and keys, of the config's kind, before they are rotated.
enum class QkNorm {
  kNone,
  kHead,      // over a head, the same D weights for all heads (Qwen3)
  kEachHead,  // over a head, D weights for each of them (Cohere, StableLM)
  kWhole,     // over all heads together (OLMo 2)
};

enum class MlpKind { kPlain, kGated };

enum class Activation { kGeluErf, kGeluTanh, kQuickGelu, kRelu, kSilu };

// How the rotary frequencies depend on the context (HF modeling_rope_utils.py).
enum class RopeScaling { kNone, kLinear, kDynamic, kLlama3, kYarn, kLongRope };

struct RotaryConfig {
  int64_t dimensions =
      0;  // share of the head that is rotated, as the frequencies count it; at most D
  double base = 10000.0;
  bool interleaved = false;  // pairs (0, 1), (2, 3), ... instead of (i, i + R/2)
  RopeScaling scaling = RopeScaling::kNone;
  double factor = 1.0;
  double low_frequency_factor = 1.0;   // llama3 only
  double high_frequency_factor = 1.0;  // llama3 only
  double fast_rotations = 32.0;        // yarn only: beta_fast, beta_slow
  double slow_rotations = 1.0;
  bool whole_dimensions = true;       // yarn only: the ramp begins and ends at whole dimensions
  double attention_factor = 1.0;      // yarn and longrope: on cos and sin
  std::vector<double> short_factors;  // longrope only, one for each pair
  std::vector<double> long_factors;
  int64_t original_positions = 0;  // context of the unscaled model, where the scaling depends on it

  // Features that are rotated, the first ones of a head: pairs, so an odd share is rounded up as HF
  // does.
  int64_t rotated() const { return (dimensions + 1) / 2 * 2; }

  bool operator==(const RotaryConfig&) const = default;
};

// Attention scores get slope * position of the key added (Press et al. 2022).
struct AlibiConfig {
  std::vector<float> slopes;  // H; empty: no ALiBi
  double scale = 1.0;         // of what is added
  bool rounded = false;       // slope and product rounded to bf16, as HF does for Falcon

  bool operator==(const AlibiConfig&) const = default;
};

// A layer of experts in place of a block's MLP. All gated, without biases.
struct ExpertsConfig {
  int64_t count = 0;        // X; 0: no block has experts
  int64_t active = 0;       // experts that a token is sent to
  int64_t size = 0;         // M
  int64_t shared_size = 0;  // S: an expert that sees every token, behind a gate; 0: none
  bool normalized = false;  // the weights of a token's experts are scaled to sum to one

  bool operator==(const ExpertsConfig&) const = default;
};

inline constexpr int32_t kNoRotary = -1;

// What an edit left of a block, or put in its place: the map M, b (C, C) and (C).
enum class BlockForm {
  kFull,             // attention and MLP, as the family has them
  kLinear,           // x + x M^T + b, nothing else
  kNormedLinear,     // x + norm(x) M^T + b, through the attention's norm (Nemotron-NAS)
  kLinearAttention,  // the map in place of attention, on what attention would read; what it gives
                     // is added to the stream as it is. The MLP stays
  kNoAttention,      // attention adds nothing; the MLP stays
};

// What may differ from block to block.
struct BlockConfig {
  int64_t window = 0;  // a token attends to itself and window - 1 before it; 0: to all before it
  double attention_scale = 1.0;
  int32_t rotary = kNoRotary;  // index into DecoderConfig::rotaries
  bool experts = false;        // its MLP is a layer of experts
  BlockForm form = BlockForm::kFull;
  bool map_bias = false;  // the map of its form has b
  int64_t mlp = 0;        // F of this block where it is not the model's (Nemotron-NAS)

  bool has_attention() const { return form == BlockForm::kFull; }
  bool has_mlp() const { return form != BlockForm::kLinear && form != BlockForm::kNormedLinear; }
  bool has_map() const { return form != BlockForm::kFull && form != BlockForm::kNoAttention; }

  bool operator==(const BlockConfig&) const = default;
};

struct DecoderConfig {
  std::string family;        // "llama"
  std::string architecture;  // "LlamaForCausalLM", as config.json says
  std::string dtype;         // torch dtype named in config.json; empty when absent

  int64_t hidden = 0;         // C
  int64_t vocabulary = 0;     // V
  int64_t embedding = 0;      // E; differs from C only where the embedding is projected
  int64_t mlp = 0;            // F
  int64_t max_positions = 0;  // longest context the model was made for

  double embedding_scale = 1.0;
  bool embedding_norm = false;     // a norm on the embedded tokens (BLOOM)
  bool learned_positions = false;  // added to the embedded tokens
  int64_t position_offset = 0;     // row of the position table that position 0 uses

  NormKind norm = NormKind::kLayerNorm;
  double norm_eps = 1e-5;
  bool norm_affine = true;        // norms have weights
  bool norm_bias = true;          // and biases; LayerNorm only
  bool norm_unit_offset = false;  // stored weights are added to one (Gemma)
  NormPlacement norm_placement = NormPlacement::kPre;
  bool final_norm = true;

  ResidualKind residual = ResidualKind::kSerial;
  double residual_scale = 1.0;  // of what a sublayer adds

  int64_t heads = 0;      // H
  int64_t kv_heads = 0;   // K
  int64_t head_size = 0;  // D
  bool qkv_bias = false;
  bool attention_output_bias = false;
  QkNorm qk_norm = QkNorm::kNone;
  bool qk_norm_bias = false;
  double qkv_clip = 0;       // queries, keys and values are clipped to +- this; 0: not
  double attention_cap = 0;  // scores s become cap * tanh(s / cap); 0: not
  std::vector<RotaryConfig> rotaries;
  AlibiConfig alibi;

  MlpKind mlp_kind = MlpKind::kPlain;
  Activation activation = Activation::kGeluErf;
  bool mlp_bias = false;
  ExpertsConfig experts;

  bool tied_head = false;
  bool head_bias = false;
  double logit_scale = 1.0;
  double logit_cap = 0;  // logits z become cap * tanh(z / cap); 0: not

  std::vector<BlockConfig> per_block;  // L entries

  bool operator==(const DecoderConfig&) const = default;

  int64_t blocks() const { return static_cast<int64_t>(per_block.size()); }
  int64_t query_size() const { return heads * head_size; }
  int64_t key_size() const { return kv_heads * head_size; }
  int64_t mlp_size(int64_t block) const {
    const int64_t own = per_block[static_cast<size_t>(block)].mlp;
    return own > 0 ? own : mlp;
  }
  // Norms on the input of the sublayers, and on their output.
  bool has_input_norms() const { return norm_placement != NormPlacement::kOutput; }
  bool has_output_norms() const {
    return norm_placement == NormPlacement::kSandwich || norm_placement == NormPlacement::kOutput;
  }
};

std::string_view name(NormKind kind);
std::string_view name(NormPlacement placement);
std::string_view name(ResidualKind kind);
std::string_view name(QkNorm norm);
std::string_view name(Activation activation);
std::string_view name(RopeScaling scaling);
std::string_view name(BlockForm form);  // "full", "linear", ...: as config.json and plans spell it

}  // namespace linscan
