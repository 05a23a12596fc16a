#include "model/families/shared.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "linscan/base/error.h"

namespace linscan {
namespace {

constexpr int64_t kMaxBlocks = 10000;

struct ActivationName {
  std::string_view name;
  Activation activation;
};

constexpr ActivationName kActivations[] = {
    {"gelu", Activation::kGeluErf},
    {"gelu_python", Activation::kGeluErf},
    {"gelu_new", Activation::kGeluTanh},
    {"gelu_fast", Activation::kGeluTanh},
    {"gelu_accurate", Activation::kGeluTanh},
    {"gelu_pytorch_tanh", Activation::kGeluTanh},
    {"gelu_python_tanh", Activation::kGeluTanh},
    {"quick_gelu", Activation::kQuickGelu},
    {"relu", Activation::kRelu},
    {"silu", Activation::kSilu},
    {"swish", Activation::kSilu},
};

// The scaling part of either spelling; `rope` is the rope_parameters or rope_scaling object.
// A key `original_max_position_embeddings` beside it wins over the one inside, as in transformers.
void read_scaling(const ConfigReader& config,
                  const ConfigReader& rope,
                  int64_t max_positions,
                  RotaryConfig& rotary) {
  const std::string type = rope.text_or("rope_type", rope.text_or("type", "default"));
  if (type == "default") {
    return;
  }
  if (type == "linear") {
    rotary.scaling = RopeScaling::kLinear;
  } else if (type == "dynamic") {
    rotary.scaling = RopeScaling::kDynamic;
    rotary.original_positions = max_positions;
  } else if (type == "llama3") {
    rotary.scaling = RopeScaling::kLlama3;
    rotary.low_frequency_factor =
        rope.positive_or("low_freq_factor", rope.number("low_freq_factor"));
    rotary.high_frequency_factor =
        rope.positive_or("high_freq_factor", rope.number("high_freq_factor"));
    constexpr std::string_view kOriginal = "original_max_position_embeddings";
    rotary.original_positions =
        config.size_or({kOriginal}, rope.size_or({kOriginal}, max_positions));
    LINSCAN_CHECK(rotary.high_frequency_factor > rotary.low_frequency_factor,
                  kInput,
                  "{}: expected more than low_freq_factor ({})",
                  rope.path("high_freq_factor"),
                  rotary.low_frequency_factor);
  } else {
    fail_unsupported("{} = \"{}\": supported are default, linear, dynamic and llama3",
                     rope.path("rope_type"),
                     type);
  }
  rotary.factor = rope.positive_or("factor", rope.number("factor"));
}

}  // namespace

Activation read_activation(const ConfigReader& config,
                           std::string_view key,
                           std::string_view otherwise) {
  const std::string text = config.text_or(key, otherwise);
  std::string known;
  for (const ActivationName& candidate : kActivations) {
    if (candidate.name == text) {
      return candidate.activation;
    }
    known += known.empty() ? "" : ", ";
    known += candidate.name;
  }
  fail_unsupported("{} = \"{}\": supported are {}", config.path(key), text, known);
}

RotaryConfig read_rotary(const ConfigReader& config,
                         std::string_view base_key,
                         std::string_view share_key,
                         double default_share,
                         int64_t head_size,
                         int64_t max_positions) {
  RotaryConfig rotary;
  rotary.base = config.positive_or(base_key, 10000.0);
  double share = config.positive_or(share_key, default_share);
  // transformers takes rope_scaling where both are there, and an empty object for an absent one.
  for (const std::string_view key : {"rope_scaling", "rope_parameters"}) {
    if (!config.has(key)) {
      continue;
    }
    const ConfigReader rope = config.object(key);
    if (rope.json().empty()) {
      continue;
    }
    for (const auto& [name, value] : rope.json().items()) {
      if (value.is_object()) {
        fail_unsupported(
            "{}: rotary settings for one type of block; this family has one setting for all",
            rope.path(name));
      }
    }
    rotary.base = rope.positive_or("rope_theta", rotary.base);
    share = rope.positive_or("partial_rotary_factor", share);
    read_scaling(config, rope, max_positions, rotary);
    break;
  }
  rotary.dimensions = static_cast<int64_t>(static_cast<double>(head_size) * share);
  if (rotary.dimensions < 1 || rotary.rotated() > head_size) {
    fail_input("{}: a share of {} of a head of {} rotates {} features; expected 1 to {}",
               config.path(share_key),
               share,
               head_size,
               rotary.rotated(),
               head_size);
  }
  LINSCAN_CHECK(rotary.scaling != RopeScaling::kDynamic || rotary.dimensions > 2,
                kInput,
                "{}: dynamic scaling needs more than 2 rotated features",
                config.path("rope_scaling"));
  return rotary;
}

std::vector<BlockConfig> uniform_blocks(int64_t blocks, int64_t head_size, int64_t window) {
  LINSCAN_CHECK(blocks <= kMaxBlocks,
                kInput,
                "config.json: {} blocks; at most {} are accepted",
                blocks,
                kMaxBlocks);
  const BlockConfig block{.window = window,
                          .attention_scale = 1.0 / std::sqrt(static_cast<double>(head_size))};
  return std::vector<BlockConfig>(static_cast<size_t>(blocks), block);
}

void check_heads(const DecoderConfig& config, const ConfigReader& reader) {
  LINSCAN_CHECK(config.heads % config.kv_heads == 0,
                kInput,
                "{}: {} heads cannot share {} key/value heads evenly",
                reader.path("num_key_value_heads"),
                config.heads,
                config.kv_heads);
  LINSCAN_CHECK(reader.has("head_dim") || config.hidden % config.heads == 0,
                kInput,
                "{}: {} heads do not divide a hidden size of {}",
                reader.path("num_attention_heads"),
                config.heads,
                config.hidden);
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
  if (config.norm == NormKind::kLayerNorm) {
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

void add_ignored(std::vector<WeightRow>& rows, const std::string& pattern) {
  rows.push_back({pattern, Slot::kCount, "", Transform::kNone, Presence::kIgnored});
}

}  // namespace linscan
