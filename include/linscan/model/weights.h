// Weights as plain structs of tensors, and the loader that fills them from a checkpoint.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "linscan/base/linear.h"
#include "linscan/io/safetensors.h"
#include "linscan/model/config.h"
#include "linscan/model/model.h"
#include "linscan/model/weight_map.h"

namespace linscan {

// weight and bias (C), fp32; undefined where the norm has none.
struct Norm {
  at::Tensor weight;
  at::Tensor bias;
};

// gate  (F, C), undefined in a plain MLP; up (F, C); down (C, F).
struct MlpWeights {
  Linear gate;
  Linear up;
  Linear down;
};

struct ExpertsWeights {
  at::Tensor router;                // (X, C) fp32
  std::vector<MlpWeights> experts;  // X, with M for F
  MlpWeights shared;                // with S for F; undefined without a shared expert
  at::Tensor shared_router;         // (1, C) fp32
};

// Matrices in the compute dtype, packed. Norms that the config does not have are undefined.
struct BlockWeights {
  Norm attention_norm;
  Linear qkv;       // (HD + 2KD, C), rows in the order query, key, value
  Norm query_norm;  // (D), (H, D) or (HD), by the config's qk_norm
  Norm key_norm;    // (D), (K, D) or (KD)
  Linear output;
  Norm attention_output_norm;
  Norm mlp_norm;
  MlpWeights mlp;          // undefined where the block has experts
  ExpertsWeights experts;  // undefined where it has none
  Norm mlp_output_norm;
  Linear map;  // (C, C), of the block's form; undefined where that has none
};

struct EmbeddingWeights {
  at::Tensor tokens;      // (V, E), as stored: rows are gathered, then cast
  at::Tensor positions;   // (P, C), the same; undefined without learned positions
  at::Tensor projection;  // (C, E) fp32; undefined where E = C
  Norm norm;              // undefined without a norm on the embedding
};

struct HeadWeights {
  Linear projection;  // (E, C); undefined where E = C
  Linear head;        // (V, E), with its bias (V)
};

// A tensor of the checkpoint as a view of the mapped file: no copy, alive as long as the view.
at::Tensor tensor_from_view(const TensorView& view);

// A stored tensor as the one of its slot, and back: encode(decode(t)) is t, bit for bit. Views
// where the layout allows it.
at::Tensor decode_weight(const at::Tensor& stored,
                         Transform transform,
                         const DecoderConfig& config);
at::Tensor encode_weight(const at::Tensor& weight,
                         Transform transform,
                         const DecoderConfig& config);

// A model with changes that exist in memory only.
struct EditedModel {
  const Model* source;          // must outlive this
  DecoderConfig config;         // of what is left: per_block has one entry for each of `blocks`
  std::vector<int64_t> blocks;  // the source's block that each block was
  // Weights that are new or replaced, by the source's block: host, the dtype they will be stored
  // in, the layout of their slot.
  std::map<WeightKey, at::Tensor> weights;

  static EditedModel unchanged(const Model& source);
};

// The dtype that a weight of an edited model is stored in: that of the source's tensor, of its
// matrices for a new one.
at::ScalarType stored_dtype(const Model& source, const WeightKey& key);

// What loaded weights are for.
enum class WeightUse {
  kInference,  // matrices are packed (pack()), embedding tables stay on the host as stored
  kTraining,   // plain tensors on the device: a weight that an edit put in place may require
               // gradients, and what is loaded of it is a differentiable function of it
};

class WeightLoader {
 public:
  // The map, its checkpoint and the config must outlive the loader. Weights come out on `device` in
  // `compute_dtype` (norms in fp32).
  WeightLoader(const WeightMap& map,
               const DecoderConfig& config,
               at::ScalarType compute_dtype,
               at::Device device);
  // The same of an edited model, which must outlive the loader. Blocks are counted as the edited
  // model has them.
  WeightLoader(const EditedModel& model,
               at::ScalarType compute_dtype,
               at::Device device,
               WeightUse use = WeightUse::kInference);

  BlockWeights block(int64_t block) const;
  EmbeddingWeights embedding() const;
  HeadWeights head() const;
  Norm final_norm() const;

  // The first tensor of the block (or of the model: nullopt) with NaN or infinite values, described
  // for a message
  // ("model.layers.3.mlp.up_proj.weight holds 2 values that are NaN or infinite"); empty when all
  // are finite.
  std::string find_non_finite(std::optional<int64_t> block) const;

  // Brings a block's pages into memory; safe from another thread.
  void prefetch(int64_t block) const;
  // Gives the pages of the mapped file back once nothing uses the block any more. Those of matrices
  // that were copied went back at once.
  void release(int64_t block) const;
  void release_model() const;

  // The block of the files that a block is, or was made of.
  int64_t source_block(int64_t block) const;
  const DecoderConfig& config() const { return config_; }
  at::ScalarType compute_dtype() const { return compute_dtype_; }
  at::Device device() const { return device_; }

 private:
  // All of these are undefined when absent.
  at::Tensor load(Slot slot, int64_t block, at::ScalarType dtype, int64_t index = 0) const;
  Linear load_linear(Slot weight, Slot bias, int64_t block, int64_t index = 0) const;
  Linear load_packed(Slot weight, Slot bias, int64_t block, int64_t index = 0) const;
  at::Tensor load_table(Slot slot) const;
  Norm load_norm(Slot weight, Slot bias, int64_t block) const;
  at::Tensor load_qk_norm(Slot slot, int64_t block) const;
  Linear load_qkv(int64_t block) const;
  MlpWeights load_mlp(int64_t block) const;
  ExpertsWeights load_experts(int64_t block) const;
  // Packs the layer, for inference, and gives back the mapped pages of the weights it was copied
  // from.
  Linear finish(Linear linear, std::initializer_list<WeightKey> weights) const;

  // What the source's files have for a weight that was not replaced; nullptr where there is
  // nothing.
  const MappedWeight* find(Slot slot, int64_t block, int64_t index = 0) const;
  // The tensor that an edit put in its place, or nullptr.
  const at::Tensor* replaced(Slot slot, int64_t block, int64_t index) const;

  const WeightMap& map_;
  const DecoderConfig& config_;
  const EditedModel* edits_ = nullptr;
  at::ScalarType compute_dtype_;
  at::Device device_;
  WeightUse use_ = WeightUse::kInference;
};

}  // namespace linscan
