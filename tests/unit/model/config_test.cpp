// config.json of every family in both spellings, 4.x and 5.x of transformers. Expected values: its
// configuration_*.py.
#include <cmath>

#include "unit/model/test_models.h"

namespace linscan::testing {
namespace {

TEST(LlamaConfig, Spelling4_AllFieldsRead) {
  const DecoderConfig config = read(llama_config());
  EXPECT_EQ(config.family, "llama");
  EXPECT_EQ(config.architecture, "LlamaForCausalLM");
  EXPECT_EQ(config.dtype, "bfloat16");
  EXPECT_EQ(config.hidden, 8);
  EXPECT_EQ(config.embedding, 8);
  EXPECT_EQ(config.vocabulary, 16);
  EXPECT_EQ(config.mlp, 12);
  EXPECT_EQ(config.max_positions, 64);
  EXPECT_EQ(config.blocks(), 2);
  EXPECT_EQ(config.heads, 4);
  EXPECT_EQ(config.kv_heads, 2);
  EXPECT_EQ(config.head_size, 2);
  EXPECT_EQ(config.norm, NormKind::kRmsNorm);
  EXPECT_EQ(config.norm_eps, 1e-5);
  EXPECT_EQ(config.norm_placement, NormPlacement::kPre);
  EXPECT_TRUE(config.final_norm);
  EXPECT_EQ(config.residual, ResidualKind::kSerial);
  EXPECT_EQ(config.learned_positions, false);
  EXPECT_EQ(config.rotaries.at(0).base, 50000.0);
  EXPECT_EQ(config.rotaries.at(0).dimensions, 2);
  EXPECT_EQ(config.rotaries.at(0).scaling, RopeScaling::kNone);
  EXPECT_EQ(config.mlp_kind, MlpKind::kGated);
  EXPECT_EQ(config.activation, Activation::kSilu);
  EXPECT_FALSE(config.qkv_bias || config.attention_output_bias || config.mlp_bias ||
               config.tied_head);
  EXPECT_EQ(config.per_block[1].window, 0);
  EXPECT_DOUBLE_EQ(config.per_block[1].attention_scale, 1 / std::sqrt(2.0));
}

TEST(LlamaConfig, Spelling5_SameDecoder) {
  Json json = without(llama_config(), {"rope_theta", "torch_dtype"});
  json["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 50000.0}};
  json["dtype"] = "float16";
  const DecoderConfig config = read(json);
  EXPECT_EQ(config.rotaries.at(0).base, 50000.0);
  EXPECT_EQ(config.rotaries.at(0).scaling, RopeScaling::kNone);
  EXPECT_EQ(config.dtype, "float16");
}

TEST(LlamaConfig, BothDtypes_NewSpellingWins) {
  EXPECT_EQ(read(with(llama_config(), "dtype", "float32")).dtype, "float32");
}

TEST(LlamaConfig, AbsentKeys_DefaultsOfTransformers) {
  const DecoderConfig config = read(without(llama_config(),
                                            {"rope_theta",
                                             "num_key_value_heads",
                                             "rms_norm_eps",
                                             "torch_dtype",
                                             "hidden_act",
                                             "max_position_embeddings",
                                             "tie_word_embeddings"}));
  EXPECT_EQ(config.rotaries.at(0).base, 10000.0);
  EXPECT_EQ(config.kv_heads, 4);
  EXPECT_EQ(config.norm_eps, 1e-6);
  EXPECT_EQ(config.dtype, "");
  EXPECT_EQ(config.activation, Activation::kSilu);
  EXPECT_EQ(config.max_positions, 2048);
  EXPECT_FALSE(config.tied_head);
}

TEST(LlamaConfig, HeadDim_NeedNotDivideHidden) {
  const DecoderConfig config = read(with(llama_config(), "head_dim", 6));
  EXPECT_EQ(config.head_size, 6);
  EXPECT_EQ(config.query_size(), 24);
  EXPECT_EQ(config.key_size(), 12);
  EXPECT_EQ(read(with(llama_config(), "head_dim", nullptr)).head_size, 2);
}

TEST(LlamaConfig, Biases_AttentionAndMlpApart) {
  Json json = with(llama_config(), "attention_bias", true);
  EXPECT_TRUE(read(json).qkv_bias);
  EXPECT_TRUE(read(json).attention_output_bias);
  EXPECT_FALSE(read(json).mlp_bias);
  EXPECT_TRUE(read(with(llama_config(), "mlp_bias", true)).mlp_bias);
}

TEST(LlamaConfig, NoArchitectures_ModelTypeDecides) {
  EXPECT_EQ(read(without(llama_config(), {"architectures"})).family, "llama");
  EXPECT_EQ(read(with(llama_config(), "architectures", Json::array())).family, "llama");
  EXPECT_EQ(read(with(llama_config(), "architectures", nullptr)).family, "llama");
}

TEST(RopeScaling, Linear_BothSpellings) {
  const Json old = Json::parse(R"({"type": "linear", "factor": 4.0})");
  EXPECT_EQ(read(with(llama_config(), "rope_scaling", old)).rotaries.at(0).scaling,
            RopeScaling::kLinear);
  EXPECT_EQ(read(with(llama_config(), "rope_scaling", old)).rotaries.at(0).factor, 4.0);
  EXPECT_EQ(read(with(llama_config(), "rope_scaling", old)).rotaries.at(0).base, 50000.0);
  const Json now = Json::parse(R"({"rope_type": "linear", "factor": 4, "rope_theta": 7})");
  EXPECT_EQ(read(with(llama_config(), "rope_parameters", now)).rotaries.at(0).base, 7.0);
  EXPECT_EQ(read(with(llama_config(), "rope_parameters", now)).rotaries.at(0).factor, 4.0);
}

TEST(RopeScaling, Dynamic_KeepsContext) {
  const Json json = with(
      with(llama_config(), "head_dim", 4), "rope_scaling", {{"type", "dynamic"}, {"factor", 2.0}});
  EXPECT_EQ(read(json).rotaries.at(0).scaling, RopeScaling::kDynamic);
  EXPECT_EQ(read(json).rotaries.at(0).original_positions, 64);
}

TEST(RopeScaling, Llama3_AllFieldsRead) {
  const Json scaling = Json::parse(R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 32})");
  const RotaryConfig rotary = read(with(llama_config(), "rope_scaling", scaling)).rotaries.at(0);
  EXPECT_EQ(rotary.scaling, RopeScaling::kLlama3);
  EXPECT_EQ(rotary.factor, 8.0);
  EXPECT_EQ(rotary.low_frequency_factor, 1.0);
  EXPECT_EQ(rotary.high_frequency_factor, 4.0);
  EXPECT_EQ(rotary.original_positions, 32);
  EXPECT_EQ(rotary.base, 50000.0);
}

TEST(RopeScaling, Llama3OriginalContext_OuterKeyWins) {
  Json scaling = Json::parse(R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 32})");
  Json json = with(llama_config(), "rope_scaling", scaling);
  json["original_max_position_embeddings"] = 48;
  EXPECT_EQ(read(json).rotaries.at(0).original_positions, 48);
  scaling.erase("original_max_position_embeddings");
  EXPECT_EQ(read(with(llama_config(), "rope_scaling", scaling)).rotaries.at(0).original_positions,
            64);
}

TEST(RopeScaling, NullEmptyOrDefault_None) {
  EXPECT_EQ(read(with(llama_config(), "rope_scaling", nullptr)).rotaries.at(0).scaling,
            RopeScaling::kNone);
  EXPECT_EQ(read(with(llama_config(), "rope_scaling", Json::object())).rotaries.at(0).scaling,
            RopeScaling::kNone);
  EXPECT_EQ(
      read(with(llama_config(), "rope_scaling", {{"rope_type", "default"}})).rotaries.at(0).scaling,
      RopeScaling::kNone);
}

TEST(RopeScaling, BothObjects_RopeScalingWinsUnlessEmpty) {
  Json json =
      with(llama_config(), "rope_parameters", {{"rope_type", "default"}, {"rope_theta", 5.0}});
  json["rope_scaling"] = {{"type", "linear"}, {"factor", 2.0}};
  EXPECT_EQ(read(json).rotaries.at(0).base, 50000.0);
  EXPECT_EQ(read(json).rotaries.at(0).scaling, RopeScaling::kLinear);
  json["rope_scaling"] = Json::object();
  EXPECT_EQ(read(json).rotaries.at(0).base, 5.0);
  EXPECT_EQ(read(json).rotaries.at(0).scaling, RopeScaling::kNone);
}

TEST(MistralConfig, SlidingWindow_MissingNullAndGiven) {
  EXPECT_EQ(read(mistral_config()).per_block[0].window, 4096);
  EXPECT_EQ(read(with(mistral_config(), "sliding_window", nullptr)).per_block[0].window, 0);
  EXPECT_EQ(read(with(mistral_config(), "sliding_window", 128)).per_block[1].window, 128);
}

TEST(MistralConfig, SlidingWindow_IgnoredByLlama) {
  EXPECT_EQ(read(with(llama_config(), "sliding_window", 128)).per_block[0].window, 0);
}

TEST(MistralConfig, BiasKeys_Ignored) {
  const DecoderConfig config =
      read(with(with(mistral_config(), "attention_bias", true), "mlp_bias", true));
  EXPECT_FALSE(config.qkv_bias || config.attention_output_bias || config.mlp_bias);
}

TEST(MistralConfig, KeyValueHeads_MissingMeans8NullMeansHeads) {
  Json json = with(with(mistral_config(), "num_attention_heads", 16), "head_dim", 2);
  EXPECT_EQ(read(without(json, {"num_key_value_heads"})).kv_heads, 8);
  EXPECT_EQ(read(with(json, "num_key_value_heads", nullptr)).kv_heads, 16);
}

TEST(MistralConfig, ContextMissing_Default) {
  EXPECT_EQ(read(without(mistral_config(), {"max_position_embeddings"})).max_positions, 131072);
}

TEST(MistralConfig, NoModelType_ArchitectureDecides) {
  EXPECT_EQ(read(without(mistral_config(), {"model_type"})).per_block[0].window, 4096);
  EXPECT_EQ(read(without(llama_config(), {"model_type"})).per_block[0].window, 0);
}

TEST(Gpt2Config, OwnNames_AllFieldsRead) {
  const DecoderConfig config = read(gpt2_config());
  EXPECT_EQ(config.family, "gpt2");
  EXPECT_EQ(config.hidden, 8);
  EXPECT_EQ(config.mlp, 32);
  EXPECT_EQ(config.max_positions, 10);
  EXPECT_EQ(config.heads, 2);
  EXPECT_EQ(config.kv_heads, 2);
  EXPECT_EQ(config.blocks(), 1);
  EXPECT_EQ(config.norm, NormKind::kLayerNorm);
  EXPECT_EQ(config.norm_eps, 1e-5);
  EXPECT_EQ(config.learned_positions, true);
  EXPECT_EQ(config.position_offset, 0);
  EXPECT_EQ(config.activation, Activation::kGeluTanh);
  EXPECT_EQ(config.mlp_kind, MlpKind::kPlain);
  EXPECT_TRUE(config.qkv_bias && config.attention_output_bias && config.mlp_bias &&
              config.tied_head);
}

TEST(Gpt2Config, CommonNames_SameDecoder) {
  Json json = without(gpt2_config(), {"n_embd", "n_head", "n_layer", "n_positions"});
  json["hidden_size"] = 8;
  json["num_attention_heads"] = 2;
  json["num_hidden_layers"] = 3;
  json["max_position_embeddings"] = 10;
  EXPECT_EQ(read(json).hidden, 8);
  EXPECT_EQ(read(json).heads, 2);
  EXPECT_EQ(read(json).blocks(), 3);
  EXPECT_EQ(read(json).max_positions, 10);
}

TEST(Gpt2Config, InnerSize_NullIsFourTimesHidden) {
  EXPECT_EQ(read(with(gpt2_config(), "n_inner", nullptr)).mlp, 32);
  EXPECT_EQ(read(with(gpt2_config(), "n_inner", 20)).mlp, 20);
}

TEST(Gpt2Config, AttentionScale_ByHeadSizeAndDepth) {
  Json json = with(gpt2_config(), "n_layer", 3);
  EXPECT_DOUBLE_EQ(read(json).per_block[2].attention_scale, 0.5);
  json["scale_attn_by_inverse_layer_idx"] = true;
  EXPECT_DOUBLE_EQ(read(json).per_block[0].attention_scale, 0.5);
  EXPECT_DOUBLE_EQ(read(json).per_block[2].attention_scale, 0.5 / 3);
  json["scale_attn_weights"] = false;
  EXPECT_DOUBLE_EQ(read(json).per_block[1].attention_scale, 1.0 / 2);
}

TEST(OptConfig, ProjectedEmbedding_AllFieldsRead) {
  const DecoderConfig config = read(opt_config());
  EXPECT_EQ(config.family, "opt");
  EXPECT_EQ(config.hidden, 8);
  EXPECT_EQ(config.embedding, 4);
  EXPECT_EQ(config.mlp, 12);
  EXPECT_EQ(config.max_positions, 10);
  EXPECT_EQ(config.position_offset, 2);
  EXPECT_EQ(config.learned_positions, true);
  EXPECT_EQ(config.activation, Activation::kRelu);
  EXPECT_EQ(config.norm_placement, NormPlacement::kPre);
  EXPECT_TRUE(config.final_norm && config.norm_affine && config.tied_head);
  EXPECT_TRUE(config.qkv_bias && config.attention_output_bias && config.mlp_bias);
}

TEST(OptConfig, EmbeddingWidth_AbsentOrNullIsHidden) {
  EXPECT_EQ(read(without(opt_config(), {"word_embed_proj_dim"})).embedding, 8);
  EXPECT_EQ(read(with(opt_config(), "word_embed_proj_dim", nullptr)).embedding, 8);
}

TEST(OptConfig, NormAfter_NoFinalNorm) {
  const DecoderConfig config = read(with(opt_config(), "do_layer_norm_before", false));
  EXPECT_EQ(config.norm_placement, NormPlacement::kPost);
  EXPECT_FALSE(config.final_norm);
  EXPECT_FALSE(read(with(opt_config(), "_remove_final_layer_norm", true)).final_norm);
}

TEST(OptConfig, WithoutBiasOrNormWeights_Read) {
  const DecoderConfig config =
      read(with(with(opt_config(), "enable_bias", false), "layer_norm_elementwise_affine", false));
  EXPECT_FALSE(config.qkv_bias || config.attention_output_bias || config.mlp_bias ||
               config.norm_affine);
}

TEST(NeoxConfig, Spelling4_AllFieldsRead) {
  const DecoderConfig config = read(neox_config());
  EXPECT_EQ(config.family, "gpt_neox");
  EXPECT_EQ(config.residual, ResidualKind::kParallel);
  EXPECT_EQ(config.rotaries.at(0).dimensions, 4);
  EXPECT_EQ(config.rotaries.at(0).base, 20000.0);
  EXPECT_EQ(config.norm, NormKind::kLayerNorm);
  EXPECT_EQ(config.activation, Activation::kGeluErf);
  EXPECT_TRUE(config.qkv_bias && config.attention_output_bias && config.mlp_bias);
  EXPECT_FALSE(config.tied_head);
}

TEST(NeoxConfig, Spelling5_SameDecoder) {
  Json json = without(neox_config(), {"rotary_pct", "rotary_emb_base"});
  json["rope_parameters"] = {
      {"rope_type", "default"}, {"rope_theta", 20000}, {"partial_rotary_factor", 0.5}};
  EXPECT_EQ(read(json).rotaries.at(0).dimensions, 4);
  EXPECT_EQ(read(json).rotaries.at(0).base, 20000.0);
}

TEST(NeoxConfig, AbsentRotaryKeys_QuarterOfHeadAndBase10000) {
  const DecoderConfig config = read(without(neox_config(), {"rotary_pct", "rotary_emb_base"}));
  EXPECT_EQ(config.rotaries.at(0).dimensions, 2);
  EXPECT_EQ(config.rotaries.at(0).base, 10000.0);
}

TEST(NeoxConfig, OddShare_FrequenciesOfTheShareAndRotationOfPairs) {
  const DecoderConfig config = read(with(neox_config(), "rotary_pct", 0.4));
  EXPECT_EQ(config.rotaries.at(0).dimensions, 3);
  EXPECT_EQ(config.rotaries.at(0).rotated(), 4);
}

TEST(NeoxConfig, LlamaSpellingOutsideObject_Ignored) {
  const DecoderConfig config =
      read(with(with(neox_config(), "rope_theta", 5.0), "partial_rotary_factor", 1.0));
  EXPECT_EQ(config.rotaries.at(0).base, 20000.0);
  EXPECT_EQ(config.rotaries.at(0).dimensions, 4);
}

TEST(NeoxConfig, SerialAndUnbiased_Read) {
  EXPECT_EQ(read(with(neox_config(), "use_parallel_residual", false)).residual,
            ResidualKind::kSerial);
  const DecoderConfig config = read(with(neox_config(), "attention_bias", false));
  EXPECT_FALSE(config.qkv_bias || config.attention_output_bias);
  EXPECT_TRUE(config.mlp_bias);
}

TEST(ActivationNames, EveryNameOfTransformers_Mapped) {
  const std::pair<const char*, Activation> names[] = {{"gelu", Activation::kGeluErf},
                                                      {"gelu_new", Activation::kGeluTanh},
                                                      {"gelu_fast", Activation::kGeluTanh},
                                                      {"gelu_pytorch_tanh", Activation::kGeluTanh},
                                                      {"quick_gelu", Activation::kQuickGelu},
                                                      {"relu", Activation::kRelu},
                                                      {"swish", Activation::kSilu}};
  for (const auto& [text, activation] : names) {
    EXPECT_EQ(read(with(llama_config(), "hidden_act", text)).activation, activation) << text;
  }
}

}  // namespace
}  // namespace linscan::testing
