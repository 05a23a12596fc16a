// The weight tables against checkpoints: every stored form is accepted, every difference is listed
// at once.
#include <algorithm>

#include "unit/model/test_models.h"

namespace linscan::testing {
namespace {

using Entries = std::vector<TensorEntry>;

void add(Entries& entries, const std::string& name, std::vector<int64_t> shape) {
  entries.push_back({name, DType::kF32, std::move(shape)});
}

void add_pair(Entries& entries,
              const std::string& prefix,
              std::vector<int64_t> weight,
              int64_t bias) {
  add(entries, prefix + ".weight", std::move(weight));
  add(entries, prefix + ".bias", {bias});
}

Entries llama_tensors(const std::string& prefix = "model.") {
  Entries entries;
  add(entries, prefix + "embed_tokens.weight", {16, 8});
  for (const char* block : {"0", "1"}) {
    const std::string base = prefix + "layers." + block + ".";
    add(entries, base + "input_layernorm.weight", {8});
    add(entries, base + "self_attn.q_proj.weight", {8, 8});
    add(entries, base + "self_attn.k_proj.weight", {4, 8});
    add(entries, base + "self_attn.v_proj.weight", {4, 8});
    add(entries, base + "self_attn.o_proj.weight", {8, 8});
    add(entries, base + "post_attention_layernorm.weight", {8});
    add(entries, base + "mlp.gate_proj.weight", {12, 8});
    add(entries, base + "mlp.up_proj.weight", {12, 8});
    add(entries, base + "mlp.down_proj.weight", {8, 12});
  }
  add(entries, prefix + "norm.weight", {8});
  add(entries, "lm_head.weight", {16, 8});
  return entries;
}

Entries gpt2_tensors(const std::string& prefix) {
  Entries entries;
  add(entries, prefix + "wte.weight", {16, 8});
  add(entries, prefix + "wpe.weight", {10, 8});
  add_pair(entries, prefix + "h.0.ln_1", {8}, 8);
  add_pair(entries, prefix + "h.0.attn.c_attn", {8, 24}, 24);
  add_pair(entries, prefix + "h.0.attn.c_proj", {8, 8}, 8);
  add_pair(entries, prefix + "h.0.ln_2", {8}, 8);
  add_pair(entries, prefix + "h.0.mlp.c_fc", {8, 32}, 32);
  add_pair(entries, prefix + "h.0.mlp.c_proj", {32, 8}, 8);
  add_pair(entries, prefix + "ln_f", {8}, 8);
  return entries;
}

Entries opt_tensors(const std::string& prefix) {
  Entries entries;
  add(entries, prefix + "embed_tokens.weight", {16, 4});
  add(entries, prefix + "embed_positions.weight", {12, 8});
  add(entries, prefix + "project_in.weight", {8, 4});
  add(entries, prefix + "project_out.weight", {4, 8});
  const std::string base = prefix + "layers.0.";
  for (const char* name :
       {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj"}) {
    add_pair(entries, base + name, {8, 8}, 8);
  }
  add_pair(entries, base + "self_attn_layer_norm", {8}, 8);
  add_pair(entries, base + "fc1", {12, 8}, 12);
  add_pair(entries, base + "fc2", {8, 12}, 8);
  add_pair(entries, base + "final_layer_norm", {8}, 8);
  add_pair(entries, prefix + "final_layer_norm", {8}, 8);
  return entries;
}

Entries neox_tensors(const std::string& head) {
  Entries entries;
  add(entries, "gpt_neox.embed_in.weight", {16, 16});
  const std::string base = "gpt_neox.layers.0.";
  add_pair(entries, base + "input_layernorm", {16}, 16);
  add_pair(entries, base + "attention.query_key_value", {48, 16}, 48);
  add_pair(entries, base + "attention.dense", {16, 16}, 16);
  add_pair(entries, base + "post_attention_layernorm", {16}, 16);
  add_pair(entries, base + "mlp.dense_h_to_4h", {12, 16}, 12);
  add_pair(entries, base + "mlp.dense_4h_to_h", {16, 12}, 16);
  add_pair(entries, "gpt_neox.final_layer_norm", {16}, 16);
  if (!head.empty()) {
    add(entries, head, {16, 16});
  }
  return entries;
}

Entries without_tensor(Entries entries, const std::string& name) {
  std::erase_if(entries, [&](const TensorEntry& entry) { return entry.name == name; });
  return entries;
}

Entries reshaped(Entries entries,
                 const std::string& name,
                 std::vector<int64_t> shape,
                 DType dtype = DType::kF32) {
  const auto entry = std::ranges::find(entries, name, &TensorEntry::name);
  entry->shape = std::move(shape);
  entry->dtype = dtype;
  return entries;
}

int64_t elements(const Entries& entries) {
  int64_t total = 0;
  for (const TensorEntry& entry : entries) {
    int64_t size = 1;
    for (const int64_t dimension : entry.shape) {
      size *= dimension;
    }
    total += size;
  }
  return total;
}

Model open(const TemporaryFolder& folder, const Json& config, const Entries& tensors) {
  write_checkpoint(folder, config, tensors);
  return open_model(folder.path());
}

void refuse(const Json& config, const Entries& tensors, std::vector<std::string> parts) {
  const TemporaryFolder folder;
  write_checkpoint(folder, config, tensors);
  parts.push_back(folder.path().string());
  expect_error(ErrorKind::kInput, parts, [&] { open_model(folder.path()); });
}

std::string name_in(const Model& model, Slot slot, int64_t block = 0) {
  const MappedWeight* weight = model.weights.find(slot, block);
  return weight == nullptr ? "" : weight->tensor->name;
}

TEST(LlamaWeights, EverySlot_FilledByItsTensor) {
  const TemporaryFolder folder;
  const Model model = open(folder, llama_config(), llama_tensors());
  EXPECT_EQ(name_in(model, Slot::kTokenEmbedding), "model.embed_tokens.weight");
  EXPECT_EQ(name_in(model, Slot::kKeyWeight, 1), "model.layers.1.self_attn.k_proj.weight");
  EXPECT_EQ(name_in(model, Slot::kMlpNormWeight, 0),
            "model.layers.0.post_attention_layernorm.weight");
  EXPECT_EQ(name_in(model, Slot::kDownWeight, 0), "model.layers.0.mlp.down_proj.weight");
  EXPECT_EQ(name_in(model, Slot::kFinalNormWeight), "model.norm.weight");
  EXPECT_EQ(name_in(model, Slot::kHead), "lm_head.weight");
  EXPECT_EQ(name_in(model, Slot::kQueryBias, 0), "");
  EXPECT_EQ(name_in(model, Slot::kQkvWeight, 0), "");
  EXPECT_EQ(name_in(model, Slot::kDownWeight, 2), "");
  EXPECT_EQ(model.weights.parameters(), elements(llama_tensors()));
  EXPECT_EQ(model.weights.block_tensors(1).size(), 9u);
  EXPECT_EQ(model.weights.model_tensors().size(), 3u);
  EXPECT_EQ(model.weights.largest_block_bytes(), 4 * (8 + 64 + 32 + 32 + 64 + 8 + 3 * 96));
}

TEST(LlamaWeights, WithoutPrefix_Accepted) {
  const TemporaryFolder folder;
  const Model model = open(folder, llama_config(), llama_tensors(""));
  EXPECT_EQ(name_in(model, Slot::kTokenEmbedding), "embed_tokens.weight");
}

TEST(LlamaWeights, Biases_WhereConfigSaysSo) {
  Entries tensors = llama_tensors();
  for (const char* block : {"0", "1"}) {
    const std::string base = std::string("model.layers.") + block + ".self_attn.";
    add(tensors, base + "q_proj.bias", {8});
    add(tensors, base + "k_proj.bias", {4});
    add(tensors, base + "v_proj.bias", {4});
    add(tensors, base + "o_proj.bias", {8});
  }
  const TemporaryFolder folder;
  const Model model = open(folder, with(llama_config(), "attention_bias", true), tensors);
  EXPECT_EQ(name_in(model, Slot::kValueBias, 1), "model.layers.1.self_attn.v_proj.bias");
  refuse(llama_config(), tensors, {"8 unexpected", "model.layers.0.self_attn.q_proj.bias"});
}

TEST(LlamaWeights, OldRotaryBuffers_Ignored) {
  Entries tensors = llama_tensors();
  add(tensors, "model.layers.0.self_attn.rotary_emb.inv_freq", {1});
  add(tensors, "model.layers.1.self_attn.rotary_emb.inv_freq", {1});
  add(tensors, "model.rotary_emb.inv_freq", {1});
  const TemporaryFolder folder;
  const Model model = open(folder, llama_config(), tensors);
  EXPECT_EQ(model.weights.parameters(), elements(llama_tensors()));
  EXPECT_EQ(model.weights.block_tensors(0).size(), 9u);
}

TEST(TiedHead, OnlyHeadStored_FillsEmbedding) {
  const TemporaryFolder folder;
  const Entries tensors = without_tensor(llama_tensors(), "model.embed_tokens.weight");
  const Model model = open(folder, with(llama_config(), "tie_word_embeddings", true), tensors);
  EXPECT_EQ(name_in(model, Slot::kTokenEmbedding), "lm_head.weight");
  EXPECT_EQ(name_in(model, Slot::kHead), "lm_head.weight");
  EXPECT_EQ(model.weights.parameters(), elements(tensors));
}

TEST(TiedHead, OnlyEmbeddingStored_FillsHead) {
  const TemporaryFolder folder;
  const Entries tensors = without_tensor(llama_tensors(), "lm_head.weight");
  const Model model = open(folder, with(llama_config(), "tie_word_embeddings", true), tensors);
  EXPECT_EQ(name_in(model, Slot::kHead), "model.embed_tokens.weight");
  EXPECT_EQ(model.weights.parameters(), elements(tensors));
  EXPECT_EQ(model.weights.model_tensors().size(), 2u);
}

TEST(TiedHead, BothStored_BothKept) {
  const TemporaryFolder folder;
  const Model model =
      open(folder, with(llama_config(), "tie_word_embeddings", true), llama_tensors());
  EXPECT_EQ(name_in(model, Slot::kTokenEmbedding), "model.embed_tokens.weight");
  EXPECT_EQ(name_in(model, Slot::kHead), "lm_head.weight");
  EXPECT_EQ(model.weights.parameters(), elements(llama_tensors()));
}

TEST(TiedHead, NeitherStored_BothMissing) {
  refuse(with(llama_config(), "tie_word_embeddings", true),
         without_tensor(without_tensor(llama_tensors(), "lm_head.weight"),
                        "model.embed_tokens.weight"),
         {"2 missing", "model.embed_tokens.weight", "lm_head.weight"});
}

TEST(TiedHead, UntiedWithoutHead_Missing) {
  refuse(llama_config(),
         without_tensor(llama_tensors(), "lm_head.weight"),
         {"1 missing", "lm_head.weight"});
}

TEST(Gpt2Weights, BothPrefixes_AcceptedTransposed) {
  for (const char* prefix : {"", "transformer."}) {
    const TemporaryFolder folder;
    const Model model = open(folder, gpt2_config(), gpt2_tensors(prefix));
    EXPECT_EQ(name_in(model, Slot::kQkvWeight, 0), prefix + std::string("h.0.attn.c_attn.weight"));
    EXPECT_EQ(model.weights.find(Slot::kQkvWeight, 0)->transform, Transform::kTranspose);
    EXPECT_EQ(model.weights.find(Slot::kQkvBias, 0)->transform, Transform::kNone);
    EXPECT_EQ(name_in(model, Slot::kHead), prefix + std::string("wte.weight"));
  }
}

TEST(Gpt2Weights, CausalMaskBuffers_IgnoredWhateverTheirType) {
  Entries tensors = gpt2_tensors("");
  tensors.push_back({"h.0.attn.bias", DType::kU8, {1, 1, 10, 10}});
  tensors.push_back({"h.0.attn.masked_bias", DType::kF32, {}});
  const TemporaryFolder folder;
  const Model model = open(folder, gpt2_config(), tensors);
  EXPECT_EQ(model.weights.parameters(), elements(gpt2_tensors("")));
}

TEST(OptWeights, EveryPrefix_AcceptedWithProjections) {
  for (const char* prefix : {"model.decoder.", "decoder.", ""}) {
    const TemporaryFolder folder;
    const Model model = open(folder, opt_config(), opt_tensors(prefix));
    EXPECT_EQ(name_in(model, Slot::kEmbeddingProjection),
              prefix + std::string("project_in.weight"));
    EXPECT_EQ(name_in(model, Slot::kHeadProjection), prefix + std::string("project_out.weight"));
    EXPECT_EQ(name_in(model, Slot::kMlpNormBias, 0),
              prefix + std::string("layers.0.final_layer_norm.bias"));
    EXPECT_EQ(name_in(model, Slot::kFinalNormBias), prefix + std::string("final_layer_norm.bias"));
  }
}

TEST(OptWeights, PositionTableWithoutItsTwoExtraRows_Misshapen) {
  refuse(opt_config(),
         reshaped(opt_tensors("decoder."), "decoder.embed_positions.weight", {10, 8}),
         {"1 wrong shape or type", "embed_positions.weight", "(10, 8)", "(12, 8)"});
}

TEST(NeoxWeights, HeadUnderEitherName_Accepted) {
  for (const char* head : {"embed_out.weight", "lm_head.weight"}) {
    const TemporaryFolder folder;
    const Model model = open(folder, neox_config(), neox_tensors(head));
    EXPECT_EQ(name_in(model, Slot::kHead), head);
    EXPECT_EQ(model.weights.find(Slot::kQkvWeight, 0)->transform, Transform::kQkvPerGroup);
    EXPECT_EQ(model.weights.find(Slot::kQkvBias, 0)->transform, Transform::kQkvPerGroup);
  }
}

TEST(NeoxWeights, NoHead_OneMissing) {
  refuse(neox_config(), neox_tensors(""), {"1 missing", "embed_out.weight"});
}

TEST(NeoxWeights, OldBuffers_Ignored) {
  Entries tensors = neox_tensors("embed_out.weight");
  tensors.push_back({"gpt_neox.layers.0.attention.bias", DType::kBool, {1, 1, 64, 64}});
  tensors.push_back({"gpt_neox.layers.0.attention.masked_bias", DType::kF32, {}});
  tensors.push_back({"gpt_neox.layers.0.attention.rotary_emb.inv_freq", DType::kF32, {2}});
  const TemporaryFolder folder;
  EXPECT_EQ(open(folder, neox_config(), tensors).weights.parameters(),
            elements(neox_tensors("embed_out.weight")));
}

TEST(WeightProblems, AllKinds_ListedInOneError) {
  Entries tensors = without_tensor(llama_tensors(), "model.layers.1.mlp.up_proj.weight");
  tensors = reshaped(tensors, "model.layers.0.self_attn.k_proj.weight", {8, 8});
  tensors = reshaped(tensors, "model.norm.weight", {8}, DType::kI32);
  add(tensors, "model.layers.2.input_layernorm.weight", {8});
  add(tensors, "value_head.weight", {2, 8});
  refuse(llama_config(),
         tensors,
         {"llama",
          "1 missing: model.layers.1.mlp.up_proj.weight",
          "2 unexpected: model.layers.2.input_layernorm.weight, value_head.weight",
          "2 wrong shape or type",
          "model.layers.0.self_attn.k_proj.weight is F32 (8, 8), expected floating point (4, 8)",
          "model.norm.weight is I32 (8), expected floating point (8)"});
}

TEST(WeightProblems, TransposedMatrix_ShowsBothShapes) {
  refuse(llama_config(),
         reshaped(llama_tensors(), "model.layers.0.mlp.down_proj.weight", {12, 8}),
         {"(12, 8)", "(8, 12)"});
}

TEST(WeightProblems, ManyMissing_CountedAndCut) {
  refuse(with(llama_config(), "num_hidden_layers", 2000),
         llama_tensors(),
         {"17982 missing", "and 17970 more"});
}

TEST(WeightProblems, SizesAtTheLimit_NoOverflow) {
  Json config = llama_config();
  for (const char* key :
       {"hidden_size", "vocab_size", "intermediate_size", "num_attention_heads"}) {
    config[key] = 1 << 24;
  }
  config["num_key_value_heads"] = 1 << 24;
  config["head_dim"] = 1 << 24;
  refuse(config, llama_tensors(), {"wrong shape or type", "(281474976710656, 16777216)"});
}

TEST(WeightTypes, HalfPrecisionAndMixed_Accepted) {
  Entries tensors = llama_tensors();
  for (TensorEntry& entry : tensors) {
    entry.dtype = entry.shape.size() == 2 ? DType::kBF16 : DType::kF16;
  }
  const TemporaryFolder folder;
  const Model model = open(folder, llama_config(), tensors);
  EXPECT_EQ(model.weights.largest_block_bytes(), 2 * (8 + 64 + 32 + 32 + 64 + 8 + 3 * 96));
}

TEST(SlotNames, EverySlot_NamedOnce) {
  std::vector<std::string_view> names;
  for (int slot = 0; slot < static_cast<int>(Slot::kCount); ++slot) {
    names.push_back(name(static_cast<Slot>(slot)));
    EXPECT_FALSE(names.back().empty());
  }
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
  EXPECT_TRUE(is_block_slot(Slot::kAttentionNormWeight));
  EXPECT_FALSE(is_block_slot(Slot::kHead));
}

}  // namespace
}  // namespace linscan::testing
