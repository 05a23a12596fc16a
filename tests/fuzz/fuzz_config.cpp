// Target of room model: config.json to a decoder configuration.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "fuzz/fuzz_targets.h"
#include "fuzz/scratch_folder.h"
#include "fuzz/target.h"
#include "linscan/base/json.h"
#include "linscan/model/config.h"
#include "linscan/model/family.h"

namespace linscan::fuzz {
namespace {

// (model_type, architectures[0]); a pair that is not supported is a seed of a refusal.
constexpr std::pair<const char*, const char*> kModels[] = {{"llama", "LlamaForCausalLM"},
                                                           {"mistral", "MistralForCausalLM"},
                                                           {"gpt2", "GPT2LMHeadModel"},
                                                           {"opt", "OPTForCausalLM"},
                                                           {"gpt_neox", "GPTNeoXForCausalLM"},
                                                           {"gptj", "GPTJForCausalLM"},
                                                           {"falcon", "FalconForCausalLM"},
                                                           {"bloom", "BloomForCausalLM"},
                                                           {"phi", "PhiForCausalLM"},
                                                           {"phi3", "Phi3ForCausalLM"},
                                                           {"qwen2", "Qwen2ForCausalLM"},
                                                           {"qwen3", "Qwen3ForCausalLM"},
                                                           {"gemma", "GemmaForCausalLM"},
                                                           {"gemma2", "Gemma2ForCausalLM"},
                                                           {"gemma3_text", "Gemma3ForCausalLM"},
                                                           {"gpt_neo", "GPTNeoForCausalLM"},
                                                           {"mpt", "MptForCausalLM"},
                                                           {"stablelm", "StableLmForCausalLM"},
                                                           {"starcoder2", "Starcoder2ForCausalLM"},
                                                           {"cohere", "CohereForCausalLM"},
                                                           {"olmo", "OlmoForCausalLM"},
                                                           {"olmo2", "Olmo2ForCausalLM"},
                                                           {"granite", "GraniteForCausalLM"},
                                                           {"smollm3", "SmolLM3ForCausalLM"},
                                                           {"mixtral", "MixtralForCausalLM"},
                                                           {"qwen2_moe", "Qwen2MoeForCausalLM"},
                                                           {"qwen3_moe", "Qwen3MoeForCausalLM"},
                                                           {"olmoe", "OlmoeForCausalLM"},
                                                           {"nemotron-nas", "DeciLMForCausalLM"}};

// The keys of all families together: each reads its own.
constexpr std::string_view kKeys =
    R"("hidden_size":8,"n_embd":8,"d_model":8,"intermediate_size":16,"n_inner":null,"ffn_dim":16,"num_hidden_layers":2,"n_layer":2,)"
    R"("n_layers":2,"num_layers":2,"num_attention_heads":2,"n_head":2,"n_heads":2,"num_heads":2,"num_key_value_heads":1,"num_kv_heads":1,)"
    R"("head_dim":4,"vocab_size":16,"max_position_embeddings":32,"n_positions":32,"n_ctx":32,"max_seq_len":32,"seq_length":32,)"
    R"("hidden_act":"silu","hidden_activation":"gelu_pytorch_tanh","activation_function":"gelu_new","rms_norm_eps":1e-6,)"
    R"("layer_norm_eps":1e-5,"layer_norm_epsilon":1e-5,"norm_epsilon":1e-5,"rope_theta":10000.0,"rope_scaling":null,)"
    R"("rotary_pct":0.5,"rotary_dim":4,"partial_rotary_factor":1.0,"sliding_window":16,"use_sliding_window":false,)"
    R"("layer_types":["full_attention","full_attention"],"attention_types":[[["global","local"],1]],"window_size":4,)"
    R"("tie_word_embeddings":true,"attention_bias":false,"mlp_bias":false,"word_embed_proj_dim":8,"do_layer_norm_before":true,)"
    R"("query_pre_attn_scalar":4,"attn_logit_softcapping":50.0,"final_logit_softcapping":30.0,"alibi":false,"multi_query":true,)"
    R"("parallel_attn":true,"new_decoder_architecture":false,"logit_scale":0.1,"no_rope_layers":[1,0],"num_experts":4,)"
    R"("num_local_experts":4,"num_experts_per_tok":2,"moe_intermediate_size":8,"torch_dtype":"float32",)"
    R"("block_configs":[{"attention":{"n_heads_in_group":2,"no_op":false,"replace_with_linear":false},"ffn":{"ffn_mult":48.0,"no_op":false}},)"
    R"({"attention":{"n_heads_in_group":null,"no_op":false,"replace_with_linear":true},"ffn":{"ffn_mult":null,"no_op":true}}])";
constexpr std::string_view kScaled =
    R"("hidden_size":8,"intermediate_size":16,"num_hidden_layers":1,"num_attention_heads":2,"vocab_size":16,)"
    R"("max_position_embeddings":64,"rope_parameters":{"rope_type":"llama3","rope_theta":1e4,"factor":8.0,"low_freq_factor":1.0,)"
    R"("high_freq_factor":4.0,"original_max_position_embeddings":16},"dtype":"bfloat16","transformers_version":"5.0.0",)"
    R"("linscan":{"version":1,"blocks":[{"form":"linear","bias":true}]})";

}  // namespace

int fuzz_config(const uint8_t* data, size_t size) {
  return check_reader([&] {
    const Json config = parse_json(text_of(data, size), "config.json");
    if (!config.is_object()) {
      return;  // Checkpoint::open refuses it
    }
    find_family(config, "config.json");
    const DecoderConfig decoder = read_decoder_config(config, "config.json");
    require(decoder.blocks() > 0 && decoder.hidden > 0 && decoder.vocabulary > 0,
            "a decoder has sizes");
  });
}

std::vector<std::string> seeds_config() {
  std::vector<std::string> seeds;
  for (const auto& [type, architecture] : kModels) {
    for (const std::string_view keys : {kKeys, kScaled}) {
      seeds.push_back(std::string(R"({"model_type":")") + type + R"(","architectures":[")" +
                      architecture + R"("],)" + std::string(keys) + "}");
    }
  }
  return seeds;
}

}  // namespace linscan::fuzz
