#include "common/model_info.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "linscan/base/version.h"
#include "linscan/io/checkpoint.h"
#include "linscan/model/config.h"
#include "linscan/model/family.h"
#include "linscan/model/weight_map.h"

namespace linscan::tools {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kTokenizerFiles[] = {"tokenizer.json",
                                                "tokenizer.model",
                                                "vocab.json",
                                                "merges.txt",
                                                "tokenizer_config.json",
                                                "special_tokens_map.json",
                                                "added_tokens.json"};

bool is_floating(DType dtype) {
  return dtype == DType::kF64 || dtype == DType::kF32 || dtype == DType::kF16 ||
         dtype == DType::kBF16;
}

Json text_or_null(const Json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_string() ? *found : Json(nullptr);
}

Json declared_architecture(const Json& config) {
  const auto found = config.find("architectures");
  return found != config.end() && found->is_array() && !found->empty() && found->front().is_string()
             ? found->front()
             : Json(nullptr);
}

Json supported_architectures() {
  Json names = Json::array();
  for (const Family& family : families()) {
    for (const std::string_view architecture : family.architectures) {
      names.push_back(architecture);
    }
  }
  return names;
}

// One value where all blocks agree, else one per block.
template <typename Value>
Json per_block(const DecoderConfig& config, const Value& value) {
  Json values = Json::array();
  bool same = true;
  for (const BlockConfig& block : config.per_block) {
    values.push_back(value(block));
    same = same && values.back() == values.front();
  }
  return same ? values.front() : values;
}

Json number_or_null(double number, double absent) {
  return number == absent ? Json(nullptr) : Json(number);
}

Json rotary_json(const RotaryConfig& rotary) {
  Json json = {{"rotated", rotary.rotated()},
               {"base", rotary.base},
               {"pairs", rotary.interleaved ? "interleaved" : "halves"},
               {"scaling", name(rotary.scaling)}};
  if (rotary.scaling != RopeScaling::kNone) {
    json["factor"] = rotary.factor;
  }
  if (rotary.scaling == RopeScaling::kLlama3) {
    json["low_frequency_factor"] = rotary.low_frequency_factor;
    json["high_frequency_factor"] = rotary.high_frequency_factor;
  }
  if (rotary.attention_factor != 1.0) {
    json["attention_factor"] = rotary.attention_factor;
  }
  if (rotary.original_positions > 0) {
    json["original_context"] = rotary.original_positions;
  }
  return json;
}

Json positions_json(const DecoderConfig& config) {
  Json rotaries = Json::array();
  for (const RotaryConfig& rotary : config.rotaries) {
    rotaries.push_back(rotary_json(rotary));
  }
  const auto index = [](const BlockConfig& block) {
    return block.rotary == kNoRotary ? Json(nullptr) : Json(block.rotary);
  };
  return {{"learned", config.learned_positions},
          {"offset", config.position_offset},
          {"alibi", !config.alibi.slopes.empty()},
          {"rotary", std::move(rotaries)},
          {"rotary_of_block", per_block(config, index)}};
}

Json experts_json(const DecoderConfig& config) {
  const ExpertsConfig& experts = config.experts;
  if (experts.count == 0) {
    return nullptr;
  }
  return {{"count", experts.count},
          {"active", experts.active},
          {"size", experts.size},
          {"shared_size", experts.shared_size},
          {"normalized", experts.normalized},
          {"blocks", std::ranges::count_if(config.per_block, &BlockConfig::experts)}};
}

Json attention_json(const DecoderConfig& config) {
  return {
      {"heads", config.heads},
      {"kv_heads", config.kv_heads},
      {"head_size", config.head_size},
      {"qkv_bias", config.qkv_bias},
      {"output_bias", config.attention_output_bias},
      {"qk_norm", name(config.qk_norm)},
      {"clip", number_or_null(config.qkv_clip, 0)},
      {"cap", number_or_null(config.attention_cap, 0)},
      {"scale", per_block(config, [](const BlockConfig& block) { return block.attention_scale; })},
      {"window", per_block(config, [](const BlockConfig& block) { return block.window; })}};
}

Json decoder_json(const DecoderConfig& config) {
  return {
      {"blocks", config.blocks()},
      {"forms", per_block(config, [](const BlockConfig& block) { return name(block.form); })},
      {"hidden", config.hidden},
      {"vocabulary", config.vocabulary},
      {"context", config.max_positions},
      {"embedding", config.embedding},
      {"embedding_scale", config.embedding_scale},
      {"embedding_norm", config.embedding_norm},
      {"attention", attention_json(config)},
      {"mlp",
       {{"size", config.mlp},
        {"size_of_block",
         per_block(
             config,
             [&](const BlockConfig& block) { return block.mlp > 0 ? block.mlp : config.mlp; })},
        {"kind", config.mlp_kind == MlpKind::kGated ? "gated" : "plain"},
        {"activation", name(config.activation)},
        {"bias", config.mlp_bias}}},
      {"experts", experts_json(config)},
      {"norm",
       {{"kind", name(config.norm)},
        {"eps", config.norm_eps},
        {"weights", config.norm_affine},
        {"bias", config.norm_bias && config.norm_affine},
        {"unit_offset", config.norm_unit_offset},
        {"placement", name(config.norm_placement)},
        {"final", config.final_norm}}},
      {"residual", name(config.residual)},
      {"residual_scale", config.residual_scale},
      {"positions", positions_json(config)},
      {"tied_head", config.tied_head},
      {"head_bias", config.head_bias},
      {"logit_scale", config.logit_scale},
      {"logit_cap", number_or_null(config.logit_cap, 0)},
  };
}

Json dtypes_json(const Checkpoint& checkpoint) {
  Json dtypes = Json::object();
  for (const std::string& tensor_name : checkpoint.names()) {
    const TensorView& tensor = checkpoint.at(tensor_name);
    Json& entry = dtypes[std::string(name(tensor.dtype))];
    if (entry.is_null()) {
      entry = {{"tensors", 0}, {"elements", 0}, {"bytes", 0}};
    }
    entry["tensors"] = entry["tensors"].get<int64_t>() + 1;
    entry["elements"] = entry["elements"].get<int64_t>() + tensor.elements();
    entry["bytes"] = entry["bytes"].get<int64_t>() + tensor.bytes;
  }
  return dtypes;
}

Json files_json(const std::vector<fs::path>& paths) {
  Json files = Json::array();
  for (const fs::path& path : paths) {
    std::error_code ec;
    const auto bytes = fs::file_size(path, ec);
    files.push_back(
        {{"name", path.filename().string()}, {"bytes", ec ? Json(nullptr) : Json(bytes)}});
  }
  return files;
}

std::vector<fs::path> tokenizer_files(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const std::string_view file : kTokenizerFiles) {
    std::error_code ec;
    if (fs::is_regular_file(folder / file, ec)) {
      found.push_back(folder / file);
    }
  }
  return found;
}

// Sizes of the weights as stored and in the two compute dtypes; of the largest block, and of what
// is outside them.
Json memory_json(const WeightMap& weights, int64_t blocks) {
  const auto sizes = [](const std::vector<const TensorView*>& tensors) {
    int64_t bytes = 0;
    int64_t elements = 0;
    for (const TensorView* tensor : tensors) {
      bytes += tensor->bytes;
      elements += tensor->elements();
    }
    return Json{{"parameters", elements},
                {"stored_bytes", bytes},
                {"fp32_bytes", 4 * elements},
                {"bf16_bytes", 2 * elements}};
  };
  Json largest = sizes(weights.block_tensors(0));
  for (int64_t block = 1; block < blocks; ++block) {
    Json other = sizes(weights.block_tensors(block));
    if (other["stored_bytes"] > largest["stored_bytes"]) {
      largest = std::move(other);
    }
  }
  return {{"largest_block", std::move(largest)},
          {"outside_blocks", sizes(weights.model_tensors())}};
}

// Tensor -> the slots it fills: two for the one matrix of a tied model.
using SlotsOf = std::map<const TensorView*, std::vector<WeightKey>>;

SlotsOf slots_of(const WeightMap& weights) {
  SlotsOf slots;
  for (const auto& [key, weight] : weights.all()) {
    slots[weight.tensor].push_back(key);
  }
  return slots;
}

Json tensors_json(const Checkpoint& checkpoint, const std::optional<WeightMap>& weights) {
  const SlotsOf slots = weights ? slots_of(*weights) : SlotsOf{};
  Json tensors = Json::array();
  for (const std::string& tensor_name : checkpoint.names()) {
    const TensorView& tensor = checkpoint.at(tensor_name);
    Json entry = {{"name", tensor.name},
                  {"dtype", name(tensor.dtype)},
                  {"shape", tensor.shape},
                  {"bytes", tensor.bytes},
                  {"file", tensor.file->path().filename().string()},
                  {"block", nullptr},
                  {"expert", nullptr},
                  {"slots", Json::array()}};
    if (const auto found = slots.find(&tensor); found != slots.end()) {
      for (const auto& [block, slot, index] : found->second) {
        entry["block"] = is_block_slot(slot) ? Json(block) : Json(nullptr);
        entry["expert"] = is_expert_slot(slot) ? Json(index) : Json(nullptr);
        entry["slots"].push_back(name(slot));
      }
    }
    tensors.push_back(std::move(entry));
  }
  return tensors;
}

int64_t floating_elements(const Checkpoint& checkpoint) {
  int64_t elements = 0;
  for (const std::string& tensor_name : checkpoint.names()) {
    const TensorView& tensor = checkpoint.at(tensor_name);
    elements += is_floating(tensor.dtype) ? tensor.elements() : 0;
  }
  return elements;
}

}  // namespace

ModelInfo read_model_info(const fs::path& folder, bool tensors) {
  const Checkpoint checkpoint = Checkpoint::open(folder);
  const Json& config_json = checkpoint.config();
  const std::string where = (folder / "config.json").string();
  const Family* family = nullptr;
  std::optional<DecoderConfig> config;
  std::optional<WeightMap> weights;
  std::optional<Error> problem;
  // Caught here because the facts about a model that cannot be used are what the user asked for;
  // the caller reports it.
  try {
    family = &find_family(config_json, where);
    config = read_decoder_config(config_json, where);
    weights = WeightMap::resolve(checkpoint, *config, *family);
  } catch (const Error& e) {
    problem = e;
  }

  const int64_t blocks = config ? config->blocks() : 0;
  Json info = {
      {"schema", "linscan.info/1"},
      {"path", folder.string()},
      {"supported", !problem},
      {"reason", problem ? Json(problem->what()) : Json(nullptr)},
      {"family", family != nullptr ? Json(family->name) : Json(nullptr)},
      {"architecture", declared_architecture(config_json)},
      {"model_type", text_or_null(config_json, "model_type")},
      {"supported_architectures", supported_architectures()},
      {"decoder", config ? decoder_json(*config) : Json(nullptr)},
      // Without a weight map nothing says which tensors are parameters: all of floating point then.
      {"parameters", weights ? weights->parameters() : floating_elements(checkpoint)},
      {"bytes", checkpoint.total_bytes()},
      {"tensor_count", checkpoint.names().size()},
      {"dtypes", dtypes_json(checkpoint)},
      {"config_dtype",
       text_or_null(config_json, config_json.contains("dtype") ? "dtype" : "torch_dtype")},
      {"files", files_json(checkpoint.files())},
      {"tokenizer_files", files_json(tokenizer_files(folder))},
      {"memory", weights ? memory_json(*weights, blocks) : Json(nullptr)},
      {"config", config_json},
      {"software", {{"linscan", version()}, {"commit", commit()}}}};
  if (tensors) {
    info["tensors"] = tensors_json(checkpoint, weights);
  }
  return {std::move(info), std::move(problem)};
}

}  // namespace linscan::tools
