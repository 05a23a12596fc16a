// The list of families as a whole, and config keys that decide which blocks have what. Numbers and
// tensors of every family are compared with transformers in tests/parity.
#include <cmath>
#include <set>

#include "unit/model/test_models.h"

namespace linscan::testing {
namespace {

Json mixtral_config() {
  Json config = with(llama_config(), "architectures", {"MixtralForCausalLM"});
  config["model_type"] = "mixtral";
  config["num_local_experts"] = 4;
  return config;
}

Json gemma3_config() {
  Json config = with(llama_config(), "architectures", {"Gemma3ForCausalLM"});
  config["model_type"] = "gemma3_text";
  config["num_hidden_layers"] = 7;
  return config;
}

Json gpt_neo_config() {
  return Json::parse(
      R"({"architectures": ["GPTNeoForCausalLM"], "model_type": "gpt_neo", "hidden_size": 8,
    "num_layers": 2, "num_heads": 2, "vocab_size": 16, "attention_types": [[["global", "local"], 1]]})");
}

TEST(Families, NamesAndArchitectures_AreUnique) {
  std::set<std::string_view> seen;
  for (const Family& family : families()) {
    EXPECT_TRUE(seen.insert(family.name).second || family.model_types.size() == 1) << family.name;
    EXPECT_FALSE(family.models.empty());
    EXPECT_FALSE(family.quirks.empty()) << family.name;
    for (const std::string_view architecture : family.architectures) {
      EXPECT_TRUE(seen.insert(architecture).second) << architecture;
    }
    for (const Quirk& quirk : family.quirks) {
      EXPECT_TRUE(seen.insert(quirk.id).second || quirk.id == family.name) << quirk.id;
    }
  }
}

TEST(Families, Slots_HaveUniqueNames) {
  std::set<std::string_view> seen;
  for (int slot = 0; slot < static_cast<int>(Slot::kCount); ++slot) {
    EXPECT_TRUE(seen.insert(name(static_cast<Slot>(slot))).second) << name(static_cast<Slot>(slot));
  }
}

TEST(MixtralConfig, Experts_InEveryBlock) {
  const DecoderConfig config = read(mixtral_config());
  EXPECT_EQ(config.experts.count, 4);
  EXPECT_EQ(config.experts.active, 2);
  EXPECT_EQ(config.experts.size, 12);
  EXPECT_TRUE(config.experts.normalized);
  EXPECT_TRUE(config.per_block[0].experts && config.per_block[1].experts);
}

TEST(MixtralConfig, MoreActiveThanThere_Refused) {
  expect_error(ErrorKind::kInput, {"num_experts_per_tok", "5 of 4"}, [] {
    read(with(mixtral_config(), "num_experts_per_tok", 5));
  });
}

TEST(MixtralConfig, AbsurdNumberOfExperts_Refused) {
  expect_error(ErrorKind::kInput, {"experts", "at most"}, [] {
    read(with(mixtral_config(), "num_local_experts", 1000000));
  });
}

TEST(StableLmWeights, AbsurdNumberOfHeads_RefusedBeforeTheirTensorsAreNamed) {
  Json config = with(llama_config(), "architectures", {"StableLmForCausalLM"});
  config["model_type"] = "stablelm";
  config["qk_layernorm"] = true;
  config["hidden_size"] = 1 << 23;
  config["num_attention_heads"] = 1 << 22;
  config["num_key_value_heads"] = 1;
  config["partial_rotary_factor"] = 1.0;
  const TemporaryFolder folder;
  write_checkpoint(folder, config, {{"model.norm.weight", DType::kF32, {8}}});
  expect_error(
      ErrorKind::kInput, {"more than 4000000 tensors"}, [&] { open_model(folder.path()); });
}

TEST(Gemma3Config, EverySixthBlock_GlobalWithItsOwnBase) {
  const DecoderConfig config = read(gemma3_config());
  ASSERT_EQ(config.rotaries.size(), 2U);
  EXPECT_EQ(config.rotaries[0].base, 50000.0);
  EXPECT_EQ(config.rotaries[1].base, 10000.0);
  EXPECT_EQ(config.per_block[5].window, 0);
  EXPECT_EQ(config.per_block[5].rotary, 0);
  EXPECT_EQ(config.per_block[6].window, 4096);
  EXPECT_EQ(config.per_block[6].rotary, 1);
}

TEST(Gemma3Config, LayerTypesOfWrongLengthOrKind_Refused) {
  expect_error(ErrorKind::kInput, {"layer_types", "1 entries for 7 blocks"}, [] {
    read(with(gemma3_config(), "layer_types", {"full_attention"}));
  });
  expect_error(ErrorKind::kUnsupported, {"layer_types", "chunked_attention"}, [] {
    read(with(gemma3_config(),
              "layer_types",
              Json::array({"chunked_attention", "a", "b", "c", "d", "e", "f"})));
  });
}

TEST(GptNeoConfig, AttentionTypes_Expanded) {
  const DecoderConfig config = read(gpt_neo_config());
  EXPECT_EQ(config.per_block[0].window, 0);
  EXPECT_EQ(config.per_block[1].window, 256);
  EXPECT_EQ(config.per_block[1].attention_scale, 1.0);
}

TEST(GptNeoConfig, MalformedAttentionTypes_Refused) {
  for (const char* types : {"7",
                            "[7]",
                            "[[7, 1]]",
                            "[[[\"global\"], -1]]",
                            "[[[7], 1]]",
                            "[[[\"global\"], 99999999]]"}) {
    expect_error(ErrorKind::kInput, {"attention_types"}, [&] {
      read(with(gpt_neo_config(), "attention_types", Json::parse(types)));
    });
  }
  expect_error(ErrorKind::kInput, {"attention_types", "1 entries for 2 blocks"}, [] {
    read(with(gpt_neo_config(), "attention_types", Json::parse("[[[\"global\"], 1]]")));
  });
  expect_error(ErrorKind::kUnsupported, {"sideways"}, [] {
    read(with(
        gpt_neo_config(), "attention_types", Json::parse("[[[\"global\", \"sideways\"], 1]]")));
  });
}

TEST(RopeScaling, LongropeFactorsOfWrongLength_Refused) {
  const Json scaling =
      Json::parse(R"({"type": "longrope", "short_factor": [1, 2], "long_factor": [1]})");
  expect_error(ErrorKind::kInput, {"short_factor", "expected 1 numbers"}, [&] {
    read(with(llama_config(), "rope_scaling", scaling));
  });
}

TEST(RopeScaling, Yarn_FactorOnCosAndSin) {
  const Json scaling =
      Json::parse(R"({"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 16})");
  const RotaryConfig rotary = read(with(llama_config(), "rope_scaling", scaling)).rotaries.at(0);
  EXPECT_EQ(rotary.scaling, RopeScaling::kYarn);
  EXPECT_EQ(rotary.original_positions, 16);
  EXPECT_NEAR(rotary.attention_factor, 0.1 * std::log(4.0) + 1, 1e-12);
}

}  // namespace
}  // namespace linscan::testing
