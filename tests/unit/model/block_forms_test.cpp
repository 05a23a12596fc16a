// Edited blocks in config.json: what is read, what is refused, which tensors are asked for.
#include <algorithm>

#include "linscan/model/weight_map.h"
#include "unit/model/test_models.h"

namespace linscan::testing {
namespace {

Json edited_llama(const char* blocks) {
  Json config = with(llama_config(), "architectures", {"LinscanForCausalLM"});
  config["linscan"] = {{"version", 1},
                       {"architecture", "LlamaForCausalLM"},
                       {"layers", "model.layers"},
                       {"attention", "self_attn"},
                       {"blocks", Json::parse(blocks)}};
  return config;
}

void refuse(ErrorKind kind, const Json& config, std::vector<std::string> parts) {
  expect_error(kind, parts, [&] { read(config); });
}

std::vector<std::string> names_of_block(const Json& config, int64_t block) {
  std::vector<std::string> names;
  for (const WantedTensor& tensor : wanted_tensors(
           read(config), weight_rows(find_family(config, "config.json"), read(config)), "model.")) {
    if (tensor.key.block == block) {
      names.push_back(tensor.name);
    }
  }
  std::ranges::sort(names);
  return names;
}

TEST(BlockForms, EveryForm_IsRead) {
  const DecoderConfig config =
      read(edited_llama(R"([{"form": "linear", "bias": true}, {"form": "full"}])"));
  EXPECT_EQ(config.family, "llama");
  EXPECT_EQ(config.architecture, "LlamaForCausalLM");
  EXPECT_EQ(config.per_block[0].form, BlockForm::kLinear);
  EXPECT_TRUE(config.per_block[0].map_bias);
  EXPECT_EQ(config.per_block[1].form, BlockForm::kFull);
  const DecoderConfig other =
      read(edited_llama(R"([{"form": "normed-linear"}, {"form": "no-attention"}])"));
  EXPECT_EQ(other.per_block[0].form, BlockForm::kNormedLinear);
  EXPECT_FALSE(other.per_block[0].map_bias);
  EXPECT_EQ(other.per_block[1].form, BlockForm::kNoAttention);
}

TEST(BlockForms, TensorsAskedFor_AreThoseOfTheForm) {
  using Names = std::vector<std::string>;
  const Json maps =
      edited_llama(R"([{"form": "linear", "bias": true}, {"form": "normed-linear"}])");
  EXPECT_EQ(names_of_block(maps, 0),
            (Names{"model.layers.0.map.bias", "model.layers.0.map.weight"}));
  EXPECT_EQ(names_of_block(maps, 1),
            (Names{"model.layers.1.input_layernorm.weight", "model.layers.1.map.weight"}));
  const Names mlp = {"model.layers.0.mlp.down_proj.weight",
                     "model.layers.0.mlp.gate_proj.weight",
                     "model.layers.0.mlp.up_proj.weight",
                     "model.layers.0.post_attention_layernorm.weight"};
  EXPECT_EQ(names_of_block(edited_llama(R"([{"form": "no-attention"}, {"form": "full"}])"), 0),
            mlp);
  Names linear_attention = mlp;
  linear_attention.insert(linear_attention.begin(), "model.layers.0.input_layernorm.weight");
  linear_attention.push_back("model.layers.0.self_attn.map.weight");
  EXPECT_EQ(names_of_block(edited_llama(R"([{"form": "linear-attention"}, {"form": "full"}])"), 0),
            linear_attention);
}

TEST(BlockForms, Hostile_NamedByPath) {
  refuse(ErrorKind::kInput,
         edited_llama(R"([{"form": "full"}])"),
         {"linscan.blocks", "1 entries for 2 blocks"});
  refuse(ErrorKind::kInput,
         edited_llama(R"([{"form": "full"}, {"form": "cubic"}])"),
         {"linscan.blocks[1].form", "cubic", "no-attention"});
  refuse(ErrorKind::kInput,
         edited_llama(R"([{"form": "full"}, {"form": 3}])"),
         {"linscan.blocks[1].form", "string"});
  refuse(ErrorKind::kInput,
         edited_llama(R"([{"form": "full"}, {}])"),
         {"linscan.blocks[1].form", "expected one of full"});
  refuse(ErrorKind::kInput,
         edited_llama(R"([{"form": "full"}, "linear"])"),
         {"linscan.blocks[1]", "object"});
  refuse(ErrorKind::kInput,
         edited_llama(R"([{"form": "full", "bias": true}, {"form": "full"}])"),
         {"linscan.blocks[0].bias", "no map"});
  refuse(ErrorKind::kInput,
         edited_llama(R"([{"form": "linear", "bias": 1}, {"form": "full"}])"),
         {"linscan.blocks[0].bias", "true or false"});
  refuse(ErrorKind::kInput, edited_llama(R"({"0": 1})"), {"linscan.blocks", "array"});
  Json config = edited_llama(R"([{"form": "full"}, {"form": "full"}])");
  config["linscan"]["version"] = 2;
  refuse(ErrorKind::kUnsupported, config, {"linscan.version", "version 2"});
  config["linscan"].erase("version");
  refuse(ErrorKind::kInput, config, {"linscan.version", "missing"});
  refuse(ErrorKind::kInput, with(config, "linscan", "linear"), {"linscan", "object"});
  config = edited_llama(R"([{"form": "full"}, {"form": "normed-linear"}])");
  config["model_type"] = "olmo2";
  config["linscan"]["architecture"] = "Olmo2ForCausalLM";
  refuse(ErrorKind::kUnsupported, config, {"linscan.blocks[1].form", "no norm before attention"});
  config = edited_llama(R"([{"form": "full"}, {"form": "full"}])");
  config["linscan"]["architecture"] = "BertModel";
  refuse(ErrorKind::kUnsupported, config, {"BertModel", "not supported"});
  config.erase("linscan");
  refuse(ErrorKind::kUnsupported, config, {"LinscanForCausalLM", "not supported"});
}

// C 8, 4 heads.
Json nemotron_config(const char* blocks) {
  Json config = with(llama_config(), "architectures", {"DeciLMForCausalLM"});
  config["model_type"] = "nemotron-nas";
  config["intermediate_size"] = nullptr;
  config["num_key_value_heads"] = nullptr;
  config["block_configs"] = Json::parse(blocks);
  return config;
}

constexpr const char* kFullAndLinear =
    R"([{"attention": {"n_heads_in_group": 2}, "ffn": {"ffn_mult": 96.0}},
        {"attention": {"n_heads_in_group": null, "replace_with_linear": true}, "ffn": {"ffn_mult": 5}}])";

TEST(Nemotron, SizesAndForms_AreThoseOfTheBlocks) {
  const DecoderConfig config = read(nemotron_config(kFullAndLinear));
  EXPECT_EQ(config.kv_heads, 2);
  EXPECT_EQ(config.mlp_size(0), 512);
  EXPECT_EQ(config.mlp_size(1), 256);
  EXPECT_EQ(config.per_block[0].form, BlockForm::kFull);
  EXPECT_EQ(config.per_block[1].form, BlockForm::kLinearAttention);
  EXPECT_EQ(names_of_block(nemotron_config(kFullAndLinear), 1).back(),
            "model.layers.1.self_attn.linear_attn.weight");
}

TEST(Nemotron, MapWithoutMlp_IsANormedLinearBlock) {
  const DecoderConfig config = read(nemotron_config(
      R"([{"attention": {"no_op": true}, "ffn": {"ffn_mult": 1.5}},
          {"attention": {"replace_with_linear": true}, "ffn": {"no_op": true, "ffn_mult": null}}])"));
  EXPECT_EQ(config.per_block[0].form, BlockForm::kNoAttention);
  EXPECT_EQ(config.per_block[1].form, BlockForm::kNormedLinear);
  EXPECT_EQ(config.kv_heads, config.heads);
}

TEST(Nemotron, Hostile_NamedByPath) {
  const auto block = [](const std::string& attention, const std::string& ffn) {
    const std::string entry = R"({"attention": )" + attention + R"(, "ffn": )" + ffn + "}";
    return nemotron_config(("[" + entry + "," + entry + "]").c_str());
  };
  const std::string full = R"({"n_heads_in_group": 2})";
  refuse(ErrorKind::kInput, nemotron_config("[]"), {"block_configs", "no blocks"});
  refuse(ErrorKind::kInput, nemotron_config("7"), {"block_configs", "array"});
  refuse(ErrorKind::kInput,
         nemotron_config(R"([{"attention": {"n_heads_in_group": 2}, "ffn": {"ffn_mult": 1}}])"),
         {"block_configs", "1 entries for 2 blocks"});
  refuse(ErrorKind::kInput, block("{}", R"({"ffn_mult": 1})"), {"n_heads_in_group", "missing"});
  refuse(ErrorKind::kInput,
         block(R"({"n_heads_in_group": 3})", R"({"ffn_mult": 1})"),
         {"block_configs", "groups of 3"});
  refuse(ErrorKind::kInput, block(full, "{}"), {"block_configs[0].ffn.ffn_mult", "missing"});
  refuse(ErrorKind::kInput, block(full, R"({"ffn_mult": -1})"), {"ffn_mult", "positive"});
  refuse(ErrorKind::kInput, block(full, R"({"ffn_mult": 1e300})"), {"ffn_mult", "at most"});
  refuse(ErrorKind::kInput, block(full, R"({"ffn_mult": 1e-9})"), {"ffn_mult", "no MLP"});
  refuse(ErrorKind::kInput, block(full, "null"), {"block_configs[0].ffn", "object"});
  refuse(ErrorKind::kUnsupported,
         block(R"({"n_heads_in_group": 2, "window_length": 64})", R"({"ffn_mult": 1})"),
         {"block_configs[0].attention.window_length"});
  refuse(ErrorKind::kUnsupported,
         block(full, R"({"replace_with_linear": true})"),
         {"block_configs[0].ffn.replace_with_linear"});
  refuse(
      ErrorKind::kUnsupported, block(full, R"({"no_op": true})"), {"block_configs[0].ffn.no_op"});
  refuse(ErrorKind::kUnsupported,
         nemotron_config(R"([{"attention": {"n_heads_in_group": 2}, "ffn": {"ffn_mult": 1}},
                             {"attention": {"n_heads_in_group": 4}, "ffn": {"ffn_mult": 1}}])"),
         {"n_heads_in_group is 2 in one block and 4 in another"});
}

}  // namespace
}  // namespace linscan::testing
