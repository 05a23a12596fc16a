#include "model/families/shared.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "linscan/base/error.h"

namespace linscan {
namespace {

constexpr int64_t kMaxBlocks = 10000;
constexpr int64_t kMaxExperts = 4096;
constexpr int64_t kMaxExpertsOfModel = 200000;

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

int64_t read_kv_heads(const ConfigReader& config, int64_t heads, int64_t where_absent) {
  const bool absent = !config.json().contains("num_key_value_heads");
  return config.size_or({"num_key_value_heads"}, absent && where_absent > 0 ? where_absent : heads);
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

void make_blocks(const ConfigReader& config,
                 DecoderConfig& decoder,
                 std::initializer_list<std::string_view> keys,
                 int64_t window) {
  const int64_t blocks = config.size(keys);
  LINSCAN_CHECK(blocks <= kMaxBlocks,
                kInput,
                "{}: {} blocks; at most {} are accepted",
                config.path(*keys.begin()),
                blocks,
                kMaxBlocks);
  const BlockConfig block{
      .window = window,
      .attention_scale = 1.0 / std::sqrt(static_cast<double>(decoder.head_size)),
      .rotary = decoder.rotaries.empty() ? kNoRotary : 0};
  decoder.per_block.assign(static_cast<size_t>(blocks), block);
}

int64_t read_window(const ConfigReader& config, std::string_view key, int64_t otherwise) {
  return config.json().contains(key) ? config.size_or({key}, 0) : otherwise;
}

void set_windows(const ConfigReader& config,
                 DecoderConfig& decoder,
                 int64_t window,
                 const std::function<bool(int64_t block)>& sliding) {
  const std::vector<std::string> types = config.texts("layer_types");
  LINSCAN_CHECK(types.empty() || types.size() == decoder.per_block.size(),
                kInput,
                "{}: {} entries for {} blocks",
                config.path("layer_types"),
                types.size(),
                decoder.per_block.size());
  for (size_t block = 0; block < decoder.per_block.size(); ++block) {
    bool slides = sliding(static_cast<int64_t>(block));
    if (!types.empty()) {
      slides = types[block] == "sliding_attention";
      if (!slides && types[block] != "full_attention") {
        fail_unsupported("{}: \"{}\"; supported are full_attention and sliding_attention",
                         config.path("layer_types"),
                         types[block]);
      }
    }
    decoder.per_block[block].window = slides ? window : 0;
  }
}

std::function<bool(int64_t block)> all_but_every(int64_t period) {
  return [period](int64_t block) { return (block + 1) % period != 0; };
}

std::function<bool(int64_t block)> from_block(int64_t first) {
  return [first](int64_t block) { return block >= first; };
}

void check_heads(const DecoderConfig& config, const ConfigReader& reader, bool head_size_given) {
  LINSCAN_CHECK(config.heads % config.kv_heads == 0,
                kInput,
                "{}: {} heads cannot share {} key/value heads evenly",
                reader.path("num_key_value_heads"),
                config.heads,
                config.kv_heads);
  LINSCAN_CHECK(head_size_given || config.hidden % config.heads == 0,
                kInput,
                "{}: {} heads do not divide a hidden size of {}",
                reader.path("num_attention_heads"),
                config.heads,
                config.hidden);
}

DecoderConfig read_llama_like(const ConfigReader& config, const LlamaDefaults& defaults) {
  DecoderConfig decoder;
  decoder.hidden = config.size({"hidden_size"});
  decoder.vocabulary = config.size({"vocab_size"});
  decoder.embedding = decoder.hidden;
  decoder.mlp = config.size({"intermediate_size"});
  decoder.max_positions = config.size_or({"max_position_embeddings"}, defaults.max_positions);
  decoder.norm = defaults.norm;
  decoder.norm_bias = defaults.norm == NormKind::kLayerNorm;
  decoder.norm_eps = config.positive_or(defaults.eps_key, defaults.eps);
  decoder.heads = config.size({"num_attention_heads"});
  decoder.kv_heads = read_kv_heads(config, decoder.heads, defaults.kv_heads);
  decoder.head_size = config.size_or(
      {"head_dim"}, defaults.head_size > 0 ? defaults.head_size : decoder.hidden / decoder.heads);
  check_heads(decoder, config, config.has("head_dim") || defaults.head_size > 0);
  if (!defaults.rotary_by_family) {
    decoder.rotaries = {read_rotary(config, decoder, defaults.rotary)};
  }
  decoder.mlp_kind = defaults.mlp;
  decoder.activation = read_activation(config, defaults.activation_key, defaults.activation);
  decoder.tied_head = config.flag_or("tie_word_embeddings", defaults.tied_head);
  make_blocks(config, decoder, {"num_hidden_layers"});
  return decoder;
}

void read_attention_bias(const ConfigReader& config, DecoderConfig& decoder) {
  decoder.qkv_bias = config.flag_or("attention_bias", false);
  decoder.attention_output_bias = decoder.qkv_bias;
}

std::vector<float> alibi_slopes(int64_t heads) {
  int64_t power = 1;
  while (2 * power <= heads) {
    power *= 2;
  }
  const auto slope = [](double step, int64_t count) {
    return static_cast<float>(std::exp2(-8.0 / static_cast<double>(count) * step));
  };
  std::vector<float> slopes;
  slopes.reserve(static_cast<size_t>(heads));
  for (int64_t head = 0; head < power; ++head) {
    slopes.push_back(slope(static_cast<double>(head + 1), power));
  }
  // The heads past the power of two take every other slope of twice as many.
  for (int64_t head = power; head < heads; ++head) {
    slopes.push_back(slope(static_cast<double>(2 * (head - power) + 1), 2 * power));
  }
  return slopes;
}

void mark_expert_blocks(const ConfigReader& config,
                        DecoderConfig& decoder,
                        int64_t step,
                        std::string_view dense_key) {
  const ExpertsConfig& experts = decoder.experts;
  LINSCAN_CHECK(
      experts.count <= kMaxExperts && experts.count * decoder.blocks() <= kMaxExpertsOfModel,
      kInput,
      "{}: {} experts in each of {} blocks; at most {} in a block and {} in all are "
      "accepted",
      config.path("num_experts"),
      experts.count,
      decoder.blocks(),
      kMaxExperts,
      kMaxExpertsOfModel);
  LINSCAN_CHECK(experts.active <= experts.count,
                kInput,
                "{}: {} of {} experts",
                config.path("num_experts_per_tok"),
                experts.active,
                experts.count);
  const std::vector<double> dense =
      dense_key.empty() ? std::vector<double>() : config.numbers(dense_key);
  for (int64_t block = 0; block < decoder.blocks(); ++block) {
    const bool listed = std::ranges::find(dense, static_cast<double>(block)) != dense.end();
    decoder.per_block[static_cast<size_t>(block)].experts = !listed && (block + 1) % step == 0;
  }
}

}  // namespace linscan
