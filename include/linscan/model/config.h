// What a decoder is, in small enums and numbers. Every family maps its config.json to this; one
// block forward reads it.
//
// Dimension letters, used in shapes everywhere:
//   C hidden size   H heads   K key/value heads   D head size   F MLP size   V vocabulary   E
//   embedding width P learned positions   L blocks   B windows   T tokens of a window   N rows
//   (tokens of all windows, packed)
// Rows are tokens; a linear layer is y = x W^T + b with W (out, in).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace linscan {

enum class NormKind { kLayerNorm, kRmsNorm };

// Where the two norms of a block stand: on the input of each sublayer, or on the residual stream
// after it (OPT-350m).
enum class NormPlacement { kPre, kPost };

// Serial: x + attention, then + mlp of that. Parallel: attention and mlp both read x (GPT-NeoX),
// each through its own norm.
enum class ResidualKind { kSerial, kParallel };

enum class PositionKind { kLearned, kRotary };

enum class MlpKind { kPlain, kGated };

enum class Activation { kGeluErf, kGeluTanh, kQuickGelu, kRelu, kSilu };

// How the rotary frequencies depend on the context (HF modeling_rope_utils.py).
enum class RopeScaling { kNone, kLinear, kDynamic, kLlama3 };

struct RotaryConfig {
  int64_t dimensions =
      0;  // share of the head that is rotated, as the frequencies count it; at most D
  double base = 10000.0;
  RopeScaling scaling = RopeScaling::kNone;
  double factor = 1.0;
  double low_frequency_factor = 1.0;   // llama3 only
  double high_frequency_factor = 1.0;  // llama3 only
  int64_t original_positions = 0;      // context of the unscaled model; dynamic and llama3

  // Features that are rotated, the first ones of a head: pairs, so an odd share is rounded up as HF
  // does.
  int64_t rotated() const { return (dimensions + 1) / 2 * 2; }
};

// What may differ from block to block.
struct BlockConfig {
  int64_t window = 0;  // a token attends to itself and window - 1 before it; 0: to all before it
  double attention_scale = 1.0;
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

  NormKind norm = NormKind::kLayerNorm;
  double norm_eps = 1e-5;
  bool norm_affine = true;  // LayerNorm with weight and bias, RMSNorm with weight
  NormPlacement norm_placement = NormPlacement::kPre;
  bool final_norm = true;
  ResidualKind residual = ResidualKind::kSerial;

  int64_t heads = 0;      // H
  int64_t kv_heads = 0;   // K
  int64_t head_size = 0;  // D
  bool qkv_bias = false;
  bool attention_output_bias = false;

  PositionKind position = PositionKind::kRotary;
  int64_t position_offset = 0;  // row of the position table that position 0 uses
  RotaryConfig rotary;

  MlpKind mlp_kind = MlpKind::kPlain;
  Activation activation = Activation::kGeluErf;
  bool mlp_bias = false;

  bool tied_head = false;

  std::vector<BlockConfig> per_block;  // L entries

  int64_t blocks() const { return static_cast<int64_t>(per_block.size()); }
  int64_t query_size() const { return heads * head_size; }
  int64_t key_size() const { return kv_heads * head_size; }
};

std::string_view name(NormKind kind);
std::string_view name(Activation activation);
std::string_view name(RopeScaling scaling);

}  // namespace linscan
