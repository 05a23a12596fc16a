// Small config.json texts of every family, and checkpoints with exactly the tensors of a list.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/io/safetensors.h"
#include "linscan/model/family.h"
#include "linscan/model/model.h"
#include "unit/base/test_files.h"

namespace linscan::testing {

// C 8, H 4, K 2, D 2, F 12, V 16, 2 blocks.
inline Json llama_config() {
  return Json::parse(
      R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 8,
    "intermediate_size": 12, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "vocab_size": 16, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "hidden_act": "silu",
    "rope_theta": 50000.0, "tie_word_embeddings": false, "torch_dtype": "bfloat16"})");
}

inline Json mistral_config() {
  Json config = llama_config();
  config["architectures"] = {"MistralForCausalLM"};
  config["model_type"] = "mistral";
  return config;
}

// C 8, H 2, D 4, F 32, V 16, P 10, 1 block.
inline Json gpt2_config() {
  return Json::parse(
      R"({"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": 8, "n_head": 2,
    "n_layer": 1, "n_positions": 10, "vocab_size": 16})");
}

// C 8, E 4, H 2, D 4, F 12, V 16, P 10 + 2, 1 block.
inline Json opt_config() {
  return Json::parse(R"({"architectures": ["OPTForCausalLM"], "model_type": "opt", "hidden_size": 8,
    "word_embed_proj_dim": 4, "ffn_dim": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 16,
    "max_position_embeddings": 10})");
}

// C 16, H 2, D 8, F 12, V 16, 1 block.
inline Json neox_config() {
  return Json::parse(
      R"({"architectures": ["GPTNeoXForCausalLM"], "model_type": "gpt_neox", "hidden_size": 16,
    "intermediate_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 16,
    "max_position_embeddings": 64, "rotary_pct": 0.5, "rotary_emb_base": 20000})");
}

inline Json with(Json config, const std::string& key, Json value) {
  config[key] = std::move(value);
  return config;
}

inline Json without(Json config, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    config.erase(key);
  }
  return config;
}

inline DecoderConfig read(const Json& config) {
  return read_decoder_config(config, "config.json");
}

// Writes config.json and one model.safetensors whose tensors are all zero.
inline void write_checkpoint(const TemporaryFolder& folder,
                             const Json& config,
                             const std::vector<TensorEntry>& tensors) {
  folder.write("config.json", config.dump());
  SafetensorsWriter writer(folder / "model.safetensors", tensors);
  for (const TensorEntry& tensor : tensors) {
    int64_t bytes = item_size(tensor.dtype);
    for (const int64_t size : tensor.shape) {
      bytes *= size;
    }
    const std::vector<char> zeros(static_cast<size_t>(bytes));
    writer.write(tensor.name, 0, zeros.data(), bytes);
  }
  writer.commit();
}

}  // namespace linscan::testing
