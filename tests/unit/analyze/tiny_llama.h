// A tiny random llama on disk.
#pragma once

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/io/safetensors.h"
#include "unit/base/test_files.h"
#include "unit/stats/test_data.h"

namespace linscan {

inline constexpr int64_t kHidden = 16;
inline constexpr int64_t kBlocks = 3;
inline constexpr int64_t kVocabulary = 50;
inline constexpr int64_t kMlp = 24;

inline std::vector<TensorEntry> llama_tensors() {
  std::vector<TensorEntry> entries;
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    entries.push_back({name, DType::kF32, std::move(shape)});
  };
  add("model.embed_tokens.weight", {kVocabulary, kHidden});
  for (int64_t block = 0; block < kBlocks; ++block) {
    const std::string at = fmt::format("model.layers.{}.", block);
    add(at + "input_layernorm.weight", {kHidden});
    for (const char* name : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
      add(at + "self_attn." + name + ".weight", {kHidden, kHidden});
    }
    add(at + "post_attention_layernorm.weight", {kHidden});
    add(at + "mlp.gate_proj.weight", {kMlp, kHidden});
    add(at + "mlp.up_proj.weight", {kMlp, kHidden});
    add(at + "mlp.down_proj.weight", {kHidden, kMlp});
  }
  add("model.norm.weight", {kHidden});
  add("lm_head.weight", {kVocabulary, kHidden});
  return entries;
}

// A tiny random llama. `broken` names a tensor that gets one NaN.
inline void write_llama(const testing::TemporaryFolder& folder, const std::string& broken = "") {
  const Json config = {{"model_type", "llama"},
                       {"architectures", {"LlamaForCausalLM"}},
                       {"hidden_size", kHidden},
                       {"intermediate_size", kMlp},
                       {"num_hidden_layers", kBlocks},
                       {"num_attention_heads", 4},
                       {"num_key_value_heads", 4},
                       {"vocab_size", kVocabulary},
                       {"max_position_embeddings", 128},
                       {"rms_norm_eps", 1e-5},
                       {"hidden_act", "silu"},
                       {"tie_word_embeddings", false},
                       {"torch_dtype", "float32"}};
  folder.write("config.json", config.dump());
  const std::vector<TensorEntry> entries = llama_tensors();
  SafetensorsWriter writer(folder / "model.safetensors", entries);
  uint64_t seed = 1;
  for (const TensorEntry& entry : entries) {
    const at::Tensor noise =
        normal(entry.shape.front(), entry.shape.size() > 1 ? entry.shape[1] : 1, seed++);
    at::Tensor data =
        (entry.shape.size() > 1 ? noise * 0.3 : noise * 0.1 + 1).to(at::kFloat).contiguous();
    if (entry.name == broken) {
      data[0][0] = std::numeric_limits<float>::quiet_NaN();
    }
    writer.write(entry.name,
                 0,
                 data.const_data_ptr<float>(),
                 data.numel() * static_cast<int64_t>(sizeof(float)));
  }
  writer.commit();
}

}  // namespace linscan
