// GPT-Neo: HF modeling_gpt_neo.py. Learned positions, scores without scale, a window in every other
// block.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "linscan/base/error.h"
#include "model/families/shared.h"

namespace linscan {
namespace {

constexpr std::string_view kModelTypes[] = {"gpt_neo"};
constexpr std::string_view kArchitectures[] = {"GPTNeoForCausalLM"};
constexpr std::string_view kPrefixes[] = {"transformer.", ""};
constexpr Quirk kQuirks[] = {
    {"gpt-neo", "scores without scale, local attention in every other block"},
    {"gpt-neo-types", "attention_types with several groups"},
    {"gpt-neo-layers", "attention_layers counts, attention_types does not"},
    {"gpt-neo-intermediate", "MLP size intermediate_size"},
    {"gpt-neo-legacy-buffers", "mask buffers of old files"},
};

constexpr size_t kMaxTypes = 10000;

// attention_types: [[["global", "local"], 12]] means the list twelve times over; GPTNeoConfig,
// expand_attention_types_params. The expanded list attention_layers counts where both are there.
std::vector<std::string> read_attention_types(const ConfigReader& config) {
  if (config.has("attention_layers")) {
    return config.texts("attention_layers");
  }
  const Json usual = Json::parse(R"([[["global", "local"], 12]])");
  const Json& groups = config.has("attention_types") ? config.json().at("attention_types") : usual;
  const auto malformed = [&] {
    fail_input("{}: expected groups such as [[\"global\", \"local\"], 12]",
               config.path("attention_types"));
  };
  std::vector<std::string> types;
  if (!groups.is_array()) {
    malformed();
  }
  for (const Json& group : groups) {
    if (!group.is_array() || group.size() != 2 || !group[0].is_array() ||
        !group[1].is_number_unsigned() || group[1] > kMaxTypes ||
        !std::ranges::all_of(group[0], [](const Json& type) { return type.is_string(); })) {
      malformed();
    }
    for (size_t time = 0; time < group[1].get<size_t>(); ++time) {
      for (const Json& type : group[0]) {
        types.push_back(type.get<std::string>());
      }
      if (types.size() > kMaxTypes) {
        malformed();
      }
    }
  }
  return types;
}

void set_local_windows(const ConfigReader& config, DecoderConfig& decoder) {
  const std::vector<std::string> types = read_attention_types(config);
  const int64_t window = config.size_or({"window_size"}, 256);
  LINSCAN_CHECK(types.size() == decoder.per_block.size(),
                kInput,
                "{}: {} entries for {} blocks",
                config.path("attention_types"),
                types.size(),
                decoder.per_block.size());
  for (size_t block = 0; block < types.size(); ++block) {
    if (types[block] != "local" && types[block] != "global") {
      fail_unsupported("{}: \"{}\"; supported are global and local",
                       config.path("attention_types"),
                       types[block]);
    }
    decoder.per_block[block].window = types[block] == "local" ? window : 0;
    decoder.per_block[block].attention_scale = 1.0;
  }
}

DecoderConfig read_config(const ConfigReader& config) {
  DecoderConfig decoder;
  decoder.hidden = config.size({"hidden_size"});
  decoder.vocabulary = config.size({"vocab_size"});
  decoder.embedding = decoder.hidden;
  decoder.mlp = config.size_or({"intermediate_size"}, 4 * decoder.hidden);
  decoder.max_positions = config.size_or({"max_position_embeddings"}, 2048);
  decoder.learned_positions = true;
  decoder.norm_eps = config.positive_or("layer_norm_epsilon", 1e-5);
  decoder.heads = config.size({"num_heads", "num_attention_heads"});
  decoder.kv_heads = decoder.heads;
  decoder.head_size = decoder.hidden / decoder.heads;
  check_heads(decoder, config);
  decoder.attention_output_bias = true;
  decoder.mlp_bias = true;
  decoder.activation = read_activation(config, "activation_function", "gelu_new");
  decoder.tied_head = config.flag_or("tie_word_embeddings", true);
  make_blocks(config, decoder, {"num_layers", "num_hidden_layers"});
  set_local_windows(config, decoder);
  return decoder;
}

std::vector<WeightRow> weight_rows(const DecoderConfig& config) {
  std::vector<WeightRow> rows;
  const std::string block = "@h.{}.";
  const std::string attention = block + "attn.attention.";
  rows.push_back({"@wte.weight", Slot::kTokenEmbedding, "V,C"});
  rows.push_back({"@wpe.weight", Slot::kPositionEmbedding, "P,C"});
  add_norm(rows, config, block + "ln_1", Slot::kAttentionNormWeight, Slot::kAttentionNormBias);
  rows.push_back({attention + "q_proj.weight", Slot::kQueryWeight, "HD,C"});
  rows.push_back({attention + "k_proj.weight", Slot::kKeyWeight, "KD,C"});
  rows.push_back({attention + "v_proj.weight", Slot::kValueWeight, "KD,C"});
  add_linear(
      rows, attention + "out_proj", Slot::kOutputWeight, "C,HD", Slot::kOutputBias, "C", true);
  add_norm(rows, config, block + "ln_2", Slot::kMlpNormWeight, Slot::kMlpNormBias);
  add_linear(rows, block + "mlp.c_fc", Slot::kUpWeight, "F,C", Slot::kUpBias, "F", true);
  add_linear(rows, block + "mlp.c_proj", Slot::kDownWeight, "C,F", Slot::kDownBias, "C", true);
  add_norm(rows, config, "@ln_f", Slot::kFinalNormWeight, Slot::kFinalNormBias);
  rows.push_back({"lm_head.weight", Slot::kHead, "V,C"});
  add_ignored(rows, attention + "bias");
  add_ignored(rows, attention + "masked_bias");
  return rows;
}

}  // namespace

const Family kGptNeoFamily = {"gpt_neo",
                              "GPT-Neo",
                              kModelTypes,
                              kArchitectures,
                              kPrefixes,
                              kQuirks,
                              read_config,
                              weight_rows};

}  // namespace linscan
