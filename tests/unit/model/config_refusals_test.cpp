// What config.json must not say: every refusal is one line with the file, the key, what was got and
// what is expected.
#include "unit/model/test_models.h"

namespace linscan::testing {
namespace {

void refuse(ErrorKind kind, const Json& config, std::vector<std::string> parts) {
  parts.emplace_back("config.json");
  expect_error(kind, parts, [&] { read(config); });
}

TEST(Refusal, UnknownArchitecture_ListsSupported) {
  refuse(ErrorKind::kUnsupported,
         Json::parse(R"({"architectures": ["BertModel"], "model_type": "bert"})"),
         {"BertModel",
          "bert",
          "LlamaForCausalLM",
          "MistralForCausalLM",
          "GPT2LMHeadModel",
          "OPTForCausalLM",
          "GPTNeoXForCausalLM"});
}

TEST(Refusal, NothingNamed_ListsSupported) {
  refuse(ErrorKind::kUnsupported, Json::object(), {"LlamaForCausalLM"});
}

TEST(Refusal, ArchitectureAgainstModelType_Named) {
  refuse(ErrorKind::kUnsupported,
         with(llama_config(), "model_type", "gpt2"),
         {"LlamaForCausalLM", "gpt2", "contradict"});
}

TEST(Refusal, ArchitecturesOfWrongType_Named) {
  refuse(ErrorKind::kInput,
         with(llama_config(), "architectures", "LlamaForCausalLM"),
         {"architectures"});
  refuse(ErrorKind::kInput, with(llama_config(), "architectures", {1}), {"architectures"});
}

TEST(Refusal, NotAnObject_Named) {
  refuse(ErrorKind::kInput, Json::array(), {"object"});
}

TEST(Refusal, MissingSize_Named) {
  for (const char* key : {"hidden_size",
                          "num_hidden_layers",
                          "num_attention_heads",
                          "vocab_size",
                          "intermediate_size"}) {
    refuse(ErrorKind::kInput, without(llama_config(), {key}), {key, "missing"});
  }
}

TEST(Refusal, SizeOfWrongTypeOrRange_ShowsValueAndRange) {
  const std::pair<const char*, const char*> cases[] = {
      {"\"8\"", "\"8\""},
      {"8.5", "8.5"},
      {"true", "true"},
      {"[8]", "[8]"},
      {"0", "0"},
      {"-8", "-8"},
      {"1000000000000", "1000000000000"},
      {"9223372036854775807", "9223372036854775807"},
      {"18446744073709551615", "18446744073709551615"},
      {"1e30", "1e+30"}};
  for (const auto& [value, shown] : cases) {
    refuse(ErrorKind::kInput,
           with(llama_config(), "hidden_size", Json::parse(value)),
           {"hidden_size", shown, "expected an integer from 1 to"});
  }
}

TEST(Refusal, TooManyBlocks_Named) {
  refuse(ErrorKind::kInput, with(llama_config(), "num_hidden_layers", 10001), {"10001", "10000"});
}

TEST(Refusal, HeadsThatDoNotDivide_Named) {
  refuse(ErrorKind::kInput,
         with(llama_config(), "num_key_value_heads", 3),
         {"num_key_value_heads", "4", "3"});
  refuse(ErrorKind::kInput,
         with(with(llama_config(), "num_attention_heads", 3), "num_key_value_heads", 3),
         {"num_attention_heads", "3", "8"});
  refuse(ErrorKind::kInput, with(gpt2_config(), "n_head", 16), {"num_attention_heads", "16", "8"});
  refuse(ErrorKind::kInput,
         with(opt_config(), "num_attention_heads", 5),
         {"num_attention_heads", "5"});
  refuse(ErrorKind::kInput,
         with(neox_config(), "num_attention_heads", 3),
         {"num_attention_heads", "3"});
}

TEST(Refusal, UnknownActivation_ListsSupported) {
  refuse(ErrorKind::kUnsupported,
         with(llama_config(), "hidden_act", "relu2"),
         {"hidden_act", "relu2", "silu", "gelu_new"});
  refuse(ErrorKind::kUnsupported,
         with(gpt2_config(), "activation_function", "xielu"),
         {"activation_function", "xielu"});
  refuse(ErrorKind::kInput, with(llama_config(), "hidden_act", 3), {"hidden_act", "string", "3"});
}

TEST(Refusal, UnknownRopeType_ListsSupported) {
  refuse(
      ErrorKind::kUnsupported,
      with(llama_config(), "rope_scaling", {{"rope_type", "something"}, {"factor", 2.0}}),
      {"rope_scaling.rope_type", "something", "linear", "dynamic", "llama3", "yarn", "longrope"});
}

TEST(Refusal, LongropeWithoutFactors_NamesKey) {
  for (const char* type : {"longrope", "su"}) {
    refuse(ErrorKind::kInput,
           with(llama_config(), "rope_scaling", {{"rope_type", type}}),
           {"rope_scaling.short_factor", "got 0"});
  }
}

TEST(Refusal, RopeScalingBroken_NamesKey) {
  refuse(ErrorKind::kInput,
         with(llama_config(), "rope_scaling", "linear"),
         {"rope_scaling", "object"});
  refuse(ErrorKind::kInput,
         with(llama_config(), "rope_scaling", {{"type", "linear"}}),
         {"rope_scaling.factor", "missing"});
  refuse(ErrorKind::kInput,
         with(llama_config(), "rope_scaling", {{"type", "linear"}, {"factor", 0}}),
         {"rope_scaling.factor", "positive"});
  refuse(ErrorKind::kInput,
         with(llama_config(), "rope_scaling", {{"type", "linear"}, {"factor", "2"}}),
         {"rope_scaling.factor", "number"});
  refuse(ErrorKind::kInput,
         with(llama_config(), "rope_scaling", {{"rope_type", "llama3"}, {"factor", 2.0}}),
         {"rope_scaling.low_freq_factor", "missing"});
  refuse(ErrorKind::kInput,
         with(llama_config(),
              "rope_scaling",
              {{"rope_type", "llama3"},
               {"factor", 2.0},
               {"low_freq_factor", 4.0},
               {"high_freq_factor", 4.0}}),
         {"rope_scaling.high_freq_factor", "more than"});
}

TEST(Refusal, DynamicScalingOfTwoFeatures_Named) {
  refuse(ErrorKind::kInput,
         with(llama_config(), "rope_scaling", {{"type", "dynamic"}, {"factor", 2.0}}),
         {"more than 2"});
}

TEST(Refusal, RopeByBlockType_Named) {
  refuse(ErrorKind::kUnsupported,
         with(llama_config(), "rope_parameters", {{"full_attention", {{"rope_theta", 5.0}}}}),
         {"rope_parameters.full_attention"});
}

TEST(Refusal, RotaryShare_ZeroOrAboveOne) {
  refuse(ErrorKind::kInput, with(neox_config(), "rotary_pct", 0.1), {"rotary_pct", "0 features"});
  refuse(ErrorKind::kInput, with(neox_config(), "rotary_pct", 1.5), {"rotary_pct", "12 features"});
  refuse(ErrorKind::kInput, with(neox_config(), "rotary_pct", -1), {"rotary_pct", "positive"});
}

TEST(Refusal, PartialRotaryLlama_Unsupported) {
  refuse(ErrorKind::kUnsupported,
         with(with(llama_config(), "head_dim", 4), "partial_rotary_factor", 0.5),
         {"partial_rotary_factor", "whole heads"});
}

TEST(Refusal, WrongTypes_NameKeyAndValue) {
  refuse(ErrorKind::kInput,
         with(llama_config(), "tie_word_embeddings", 1),
         {"tie_word_embeddings", "true or false", "1"});
  refuse(
      ErrorKind::kInput, with(llama_config(), "rms_norm_eps", "1e-5"), {"rms_norm_eps", "number"});
  refuse(ErrorKind::kInput, with(llama_config(), "rms_norm_eps", 0), {"rms_norm_eps", "positive"});
  refuse(ErrorKind::kInput, with(llama_config(), "rope_theta", -1), {"rope_theta", "positive"});
  refuse(ErrorKind::kInput, with(llama_config(), "torch_dtype", 16), {"torch_dtype", "string"});
  refuse(ErrorKind::kInput, with(llama_config(), "model_type", 7), {"model_type", "string"});
  refuse(ErrorKind::kInput,
         with(mistral_config(), "sliding_window", "4096"),
         {"sliding_window", "integer"});
}

TEST(Refusal, LongValue_CutInMessage) {
  expect_error(ErrorKind::kInput, {"hidden_size", "..."}, [] {
    read(with(llama_config(), "hidden_size", std::string(100000, 'x')));
  });
}

TEST(Refusal, CrossAttention_Unsupported) {
  refuse(ErrorKind::kUnsupported,
         with(gpt2_config(), "add_cross_attention", true),
         {"add_cross_attention"});
}

}  // namespace
}  // namespace linscan::testing
