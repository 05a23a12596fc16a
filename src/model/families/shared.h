// What several families read from config.json in the same way.
#pragma once

#include "linscan/model/config.h"
#include "linscan/model/family.h"
#include "model/config_reader.h"

namespace linscan {

// Activation by its HF name (transformers activations.py, ACT2FN); `key` names it in errors.
Activation read_activation(const ConfigReader& config,
                           std::string_view key,
                           std::string_view otherwise);

// Rotary settings of either spelling: `rope_parameters` (transformers 5) or `rope_scaling` beside
// `rope_theta` (4.x). `default_share` is the rotated share of the head where no key says it.
RotaryConfig read_rotary(const ConfigReader& config,
                         std::string_view base_key,
                         std::string_view share_key,
                         double default_share,
                         int64_t head_size,
                         int64_t max_positions);

// L blocks that attend to everything before them with scale 1/sqrt(D).
std::vector<BlockConfig> uniform_blocks(int64_t blocks, int64_t head_size, int64_t window = 0);

// The key/value heads must divide the heads and, where no head_dim is given, the heads the hidden
// size.
void check_heads(const DecoderConfig& config, const ConfigReader& reader);

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

// A buffer that old files carry and nothing reads.
void add_ignored(std::vector<WeightRow>& rows, const std::string& pattern);

extern const Family kLlamaFamily;
extern const Family kGpt2Family;
extern const Family kOptFamily;
extern const Family kGptNeoxFamily;

}  // namespace linscan
