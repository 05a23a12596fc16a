// Weights as plain structs of tensors, and the loader that fills them from a checkpoint.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

#include "linscan/base/linear.h"
#include "linscan/io/safetensors.h"
#include "linscan/model/config.h"
#include "linscan/model/weight_map.h"

namespace linscan {

// weight and bias (C), fp32; undefined where the norm has none.
struct Norm {
  at::Tensor weight;
  at::Tensor bias;
};

// Matrices in the compute dtype, packed.
struct BlockWeights {
  Norm attention_norm;
  Linear qkv;  // (HD + 2KD, C), rows in the order query, key, value
  Linear output;
  Norm mlp_norm;
  Linear gate;  // undefined in a plain MLP
  Linear up;
  Linear down;
};

struct EmbeddingWeights {
  at::Tensor tokens;      // (V, E), as stored: rows are gathered, then cast
  at::Tensor positions;   // (P, C), as stored; undefined without learned positions
  at::Tensor projection;  // (C, E) fp32; undefined where E = C
};

struct HeadWeights {
  Linear projection;  // (E, C); undefined where E = C
  Linear head;        // (V, E)
};

// A tensor of the checkpoint as a view of the mapped file: no copy, alive as long as the view.
at::Tensor tensor_from_view(const TensorView& view);

class WeightLoader {
 public:
  // The map, its checkpoint and the config must outlive the loader. Weights come out on `device` in
  // `compute_dtype` (norms in fp32).
  WeightLoader(const WeightMap& map,
               const DecoderConfig& config,
               at::ScalarType compute_dtype,
               at::Device device);

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

  at::ScalarType compute_dtype() const { return compute_dtype_; }
  at::Device device() const { return device_; }

 private:
  at::Tensor load(Slot slot, int64_t block, at::ScalarType dtype) const;  // undefined when absent
  Linear load_linear(Slot weight, Slot bias, int64_t block) const;
  Norm load_norm(Slot weight, Slot bias, int64_t block) const;
  Linear load_qkv(int64_t block) const;
  // Packs the layer and gives back the mapped pages of the weights it was copied from.
  Linear finish(Linear linear, std::initializer_list<Slot> weights, int64_t block) const;

  const WeightMap& map_;
  const DecoderConfig& config_;
  at::ScalarType compute_dtype_;
  at::Device device_;
};

}  // namespace linscan
