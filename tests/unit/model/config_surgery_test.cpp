// config.json of models whose blocks were left out.
#include "model/config_surgery.h"

#include "model/families/nemotron.h"
#include "unit/model/test_models.h"

namespace linscan::testing {
namespace {

Json grown(Json config, int64_t blocks) {
  config["num_hidden_layers"] = blocks;
  return config;
}

Json gemma2(int64_t blocks) {
  Json config = grown(llama_config(), blocks);
  config["architectures"] = {"Gemma2ForCausalLM"};
  config["model_type"] = "gemma2";
  config["head_dim"] = 2;
  config["sliding_window"] = 8;
  return config;
}

DecoderConfig keep(const DecoderConfig& source, const std::vector<int64_t>& blocks) {
  DecoderConfig kept = source;
  kept.per_block.clear();
  for (const int64_t block : blocks) {
    kept.per_block.push_back(source.per_block[static_cast<size_t>(block)]);
  }
  return kept;
}

Json cut(const Json& config, const std::vector<int64_t>& blocks) {
  return edit_config(config, keep(read(config), blocks), blocks);
}

TEST(ConfigSurgery, NothingLeftOut_ChangesNothing) {
  EXPECT_EQ(cut(gemma2(4), {0, 1, 2, 3}), gemma2(4));
}

TEST(ConfigSurgery, EveryNameOfTheCount_IsSet) {
  Json config = with(gpt2_config(), "n_layer", 3);
  config["num_hidden_layers"] = 3;
  const Json edited = cut(config, {0, 2});
  EXPECT_EQ(edited["n_layer"], 2);
  EXPECT_EQ(edited["num_hidden_layers"], 2);
}

TEST(ConfigSurgery, RuleThatStillHolds_StaysARule) {
  EXPECT_FALSE(cut(gemma2(4), {0, 1, 2}).contains("layer_types"));
  EXPECT_FALSE(cut(gemma2(4), {2, 3}).contains("layer_types"));
}

TEST(ConfigSurgery, RuleThatNoLongerHolds_BecomesAList) {
  EXPECT_EQ(cut(gemma2(4), {1, 2, 3})["layer_types"],
            Json::parse(R"(["full_attention", "sliding_attention", "full_attention"])"));
}

TEST(ConfigSurgery, List_KeepsItsEntries) {
  const Json config =
      with(gemma2(3),
           "layer_types",
           Json::parse(R"(["full_attention", "full_attention", "sliding_attention"])"));
  EXPECT_EQ(cut(config, {0, 2})["layer_types"],
            Json::parse(R"(["full_attention", "sliding_attention"])"));
}

TEST(ConfigSurgery, DenseBlocks_KeepTheirNumbers) {
  Json config = grown(llama_config(), 4);
  config["architectures"] = {"Qwen3MoeForCausalLM"};
  config["model_type"] = "qwen3_moe";
  config["num_experts"] = 4;
  config["num_experts_per_tok"] = 2;
  config["decoder_sparse_step"] = 2;
  const Json edited = cut(config, {1, 2, 3});
  EXPECT_EQ(edited["mlp_only_layers"], Json::array({1}));
  EXPECT_EQ(edited["decoder_sparse_step"], 1);
}

TEST(ConfigSurgery, ScaleByTheNumberOfABlock_IsRefusedUnlessTheFirstBlocksStay) {
  const Json config =
      with(with(gpt2_config(), "n_layer", 3), "scale_attn_by_inverse_layer_idx", true);
  expect_error(ErrorKind::kUnsupported,
               {"block 1 (block 2 of the source)", "scale", "scale_attn_by_inverse_layer_idx"},
               [&] { cut(config, {0, 2}); });
  EXPECT_EQ(cut(config, {0, 1})["n_layer"], 2);
}

TEST(ConfigSurgery, BiasesInMlps_NeedAKeyOfTheFamily) {
  DecoderConfig wanted = read(llama_config());
  wanted.mlp_bias = true;
  EXPECT_EQ(edit_config(llama_config(), wanted, {0, 1})["mlp_bias"], true);
  DecoderConfig mistral = read(mistral_config());
  mistral.mlp_bias = true;
  expect_error(ErrorKind::kUnsupported, {"mlp_bias"}, [&] {
    edit_config(mistral_config(), mistral, {0, 1});
  });
}

TEST(ConfigSurgery, SomethingNoConfigSays_IsNotOverlooked) {
  DecoderConfig wanted = read(llama_config());
  wanted.norm_eps = 0.5;
  expect_error(ErrorKind::kInternal, {"another model"}, [&] {
    edit_config(llama_config(), wanted, {0, 1});
  });
}

TEST(NemotronMlp, EveryMultipleOf256_ComesBack) {
  for (const int64_t hidden : {48, 100, 2048, 3200, 4096, 8192, 16384}) {
    for (int64_t size = kNemotronMlpStep; size <= 65536; size += kNemotronMlpStep) {
      EXPECT_EQ(nemotron_mlp_size(nemotron_multiplier(size, hidden), hidden), size);
    }
  }
}

}  // namespace
}  // namespace linscan::testing
