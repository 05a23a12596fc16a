// Rotary settings of config.json: HF modeling_rope_utils.py, RotaryEmbeddingConfigMixin and the
// _compute_*_parameters functions.
#include <cmath>
#include <nlohmann/json.hpp>

#include "linscan/base/error.h"
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kOriginal = "original_max_position_embeddings";

// A key beside the object wins over the one inside, as in transformers.
int64_t original_positions(const ConfigReader& config,
                           const ConfigReader& rope,
                           int64_t otherwise) {
  return config.size_or({kOriginal}, rope.size_or({kOriginal}, otherwise));
}

double required(const ConfigReader& rope, std::string_view key) {
  return rope.positive_or(key, rope.number(key));
}

void read_llama3(const ConfigReader& rope, RotaryConfig& rotary) {
  rotary.scaling = RopeScaling::kLlama3;
  rotary.factor = required(rope, "factor");
  rotary.low_frequency_factor = required(rope, "low_freq_factor");
  rotary.high_frequency_factor = required(rope, "high_freq_factor");
  LINSCAN_CHECK(rotary.high_frequency_factor > rotary.low_frequency_factor,
                kInput,
                "{}: expected more than low_freq_factor ({})",
                rope.path("high_freq_factor"),
                rotary.low_frequency_factor);
}

double yarn_scale(double factor, double weight) {
  return factor <= 1 ? 1.0 : 0.1 * weight * std::log(factor) + 1.0;
}

void read_yarn(const ConfigReader& rope, int64_t max_positions, RotaryConfig& rotary) {
  rotary.scaling = RopeScaling::kYarn;
  rotary.factor = rope.positive_or(
      "factor",
      static_cast<double>(max_positions) / static_cast<double>(rotary.original_positions));
  // Zero means the default, as null does.
  const auto rotations = [&](std::string_view key, double otherwise) {
    const double value = rope.number_or(key, 0);
    return value == 0 ? otherwise : rope.positive_or(key, value);
  };
  rotary.fast_rotations = rotations("beta_fast", 32);
  rotary.slow_rotations = rotations("beta_slow", 1);
  rotary.whole_dimensions = rope.flag_or("truncate", true);
  const double weight = rope.number_or("mscale", 0);
  const double weight_of_all = rope.number_or("mscale_all_dim", 0);
  const double usual =
      weight != 0 && weight_of_all != 0
          ? yarn_scale(rotary.factor, weight) / yarn_scale(rotary.factor, weight_of_all)
          : yarn_scale(rotary.factor, 1);
  rotary.attention_factor = rope.positive_or("attention_factor", usual);
}

void read_longrope(const ConfigReader& rope, int64_t max_positions, RotaryConfig& rotary) {
  rotary.scaling = RopeScaling::kLongRope;
  rotary.short_factors = rope.numbers("short_factor");
  rotary.long_factors = rope.numbers("long_factor");
  const auto pairs = static_cast<size_t>(rotary.rotated() / 2);
  for (const auto& [key, factors] : {std::pair("short_factor", &rotary.short_factors),
                                     std::pair("long_factor", &rotary.long_factors)}) {
    LINSCAN_CHECK(factors->size() == pairs,
                  kInput,
                  "{}: expected {} numbers, one for each rotated pair, got {}",
                  rope.path(key),
                  pairs,
                  factors->size());
    for (const double factor : *factors) {
      LINSCAN_CHECK(factor > 0, kInput, "{}: {} is not positive", rope.path(key), factor);
    }
  }
  const auto original = static_cast<double>(rotary.original_positions);
  rotary.factor = rope.positive_or("factor", static_cast<double>(max_positions) / original);
  const double usual = rotary.factor <= 1 || original <= 1
                           ? 1.0
                           : std::sqrt(1 + std::log(rotary.factor) / std::log(original));
  rotary.attention_factor = rope.positive_or("attention_factor", usual);
}

// The scaling part of either spelling; `original` is the context of the unscaled model where no key
// names it.
void read_scaling(const ConfigReader& config,
                  const ConfigReader& rope,
                  const DecoderConfig& decoder,
                  int64_t original,
                  RotaryConfig& rotary) {
  std::string type = rope.text_or("rope_type", rope.text_or("type", "default"));
  // Early Phi-3 files: modeling_phi3.py, Phi3Config.convert_rope_params_to_dict.
  if (type == "su" || (type == "yarn" && rope.has("short_factor"))) {
    type = "longrope";
  }
  if (type == "default") {
    return;
  }
  if (type == "linear" || type == "dynamic") {
    rotary.scaling = type == "linear" ? RopeScaling::kLinear : RopeScaling::kDynamic;
    rotary.factor = required(rope, "factor");
    rotary.original_positions = type == "linear" ? 0 : decoder.max_positions;
    LINSCAN_CHECK(type == "linear" || rotary.dimensions > 2,
                  kInput,
                  "{}: dynamic scaling needs more than 2 rotated features",
                  config.path("rope_scaling"));
    return;
  }
  rotary.original_positions = original_positions(config, rope, original);
  if (type == "llama3") {
    read_llama3(rope, rotary);
  } else if (type == "yarn") {
    read_yarn(rope, decoder.max_positions, rotary);
  } else if (type == "longrope") {
    read_longrope(rope, decoder.max_positions, rotary);
  } else {
    fail_unsupported(
        "{} = \"{}\": supported are default, linear, dynamic, llama3, yarn and longrope",
        rope.path("rope_type"),
        type);
  }
}

void set_share(const ConfigReader& config,
               std::string_view share_key,
               double share,
               int64_t head_size,
               RotaryConfig& rotary) {
  rotary.dimensions = static_cast<int64_t>(static_cast<double>(head_size) * share);
  if (rotary.dimensions < 1 || rotary.rotated() > head_size) {
    fail_input("{}: a share of {} of a head of {} rotates {} features; expected 1 to {}",
               config.path(share_key),
               share,
               head_size,
               rotary.rotated(),
               head_size);
  }
}

}  // namespace

RotaryConfig read_rotary_object(const ConfigReader& config,
                                const ConfigReader& rope,
                                const DecoderConfig& decoder,
                                double base) {
  RotaryConfig rotary;
  rotary.base = rope.positive_or("rope_theta", base);
  set_share(config,
            "partial_rotary_factor",
            rope.positive_or("partial_rotary_factor", 1.0),
            decoder.head_size,
            rotary);
  read_scaling(config, rope, decoder, decoder.max_positions, rotary);
  return rotary;
}

RotaryConfig read_rotary(const ConfigReader& config,
                         const DecoderConfig& decoder,
                         const RotaryKeys& keys) {
  RotaryConfig rotary;
  rotary.interleaved = keys.interleaved;
  rotary.base = config.positive_or(keys.base_key, keys.base);
  double share = config.positive_or(keys.share_key, keys.share);
  const int64_t original =
      keys.original_positions > 0 ? keys.original_positions : decoder.max_positions;
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
    set_share(config, keys.share_key, share, decoder.head_size, rotary);
    read_scaling(config, rope, decoder, original, rotary);
    return rotary;
  }
  set_share(config, keys.share_key, share, decoder.head_size, rotary);
  return rotary;
}

void require_whole_rotary(const ConfigReader& config, const DecoderConfig& decoder) {
  for (const RotaryConfig& rotary : decoder.rotaries) {
    LINSCAN_CHECK(rotary.dimensions == decoder.head_size,
                  kUnsupported,
                  "{}: this architecture rotates whole heads; a share other than 1 has no defined "
                  "meaning",
                  config.path("partial_rotary_factor"));
  }
}

}  // namespace linscan
