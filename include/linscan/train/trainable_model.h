// A model in memory whose weights can be trained: fp32 leaves for what is trained, the rest as the
// forward pass needs it. Needs libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/model/block.h"
#include "linscan/model/model.h"
#include "linscan/model/weights.h"

namespace linscan {

// Which weights are trained.
struct TrainChoice {
  enum class Kind {
    kAll,
    kMaps,         // the maps that stand in place of blocks or of their attention, and the down
                   // projections of `blocks`, which stand for those that were fitted
    kProjections,  // the down projections of the given blocks: what fold and refit solve
    kLast,         // the last `count` blocks, the final norm and, unless it is tied, the head
    kLora,         // rank-`count` additions to the matrices of all blocks (Hu et al. 2021)
  } kind = Kind::kAll;
  int64_t count = 0;
  std::vector<int64_t> blocks;  // of kMaps and kProjections: blocks of the model

  bool operator==(const TrainChoice&) const = default;
};

// "all", "maps", "last:3", "lora:8", "projections:2,5", "projections:auto" (no blocks: who knows
// how the model was edited adds them). Throws Error(kUsage).
TrainChoice parse_train_choice(std::string_view text);
std::string to_string(const TrainChoice& choice);

struct Parameter {
  std::string name;  // that of the weight in the checkpoint; additions have ".lora_a" or ".lora_b"
  at::Tensor value;  // leaf, fp32, in the layout of its slot
  bool decays;       // weight decay applies: matrices, but not norms and biases
};

// States of one forward pass, (N, C) fp32 each.
struct ForwardStates {
  std::vector<at::Tensor> stream;  // resid_pre.0, resid_post.0 .. resid_post.{L-1}
  at::Tensor normed;               // after the final norm
};

// A part of a loss on logits: rows [first_row, first_row + logits.size(0)) of the batch.
using LogitLoss = std::function<at::Tensor(const at::Tensor& logits, int64_t first_row)>;

class TrainableModel {
 public:
  // `source` must outlive this. Weights are copied to `device`: trained ones in fp32, all others in
  // `compute_dtype` (norms in fp32). `seed` draws the first factors of kLora.
  // Throws Error(kInput) where the choice trains nothing.
  TrainableModel(const Model& source,
                 const TrainChoice& choice,
                 at::ScalarType compute_dtype,
                 at::Device device,
                 uint64_t seed = 0);
  TrainableModel(const TrainableModel&) = delete;
  TrainableModel& operator=(const TrainableModel&) = delete;

  // Bytes that such a model holds through a training: its weights, and gradients and moments of the
  // trained ones. Activations come on top.
  static int64_t held_bytes(const Model& source,
                            const TrainChoice& choice,
                            at::ScalarType compute_dtype);

  const DecoderConfig& config() const { return source_.config; }
  const Model& source() const { return source_; }
  at::Device device() const { return loader_.device(); }
  at::ScalarType compute_dtype() const { return loader_.compute_dtype(); }
  // In the order of their names' weights; the order never changes.
  const std::vector<Parameter>& parameters() const { return parameters_; }
  int64_t trained_numbers() const;

  // ids  (N) int64 host, packed as `layout` says. With `checkpointing` the activations inside a
  // block are made again in the backward pass instead of being kept.
  ForwardStates forward(const at::Tensor& ids, const BatchLayout& layout, bool checkpointing);

  // The sum of `loss` over chunks of rows of `normed` (N, C), so that logits never exist for all
  // rows at once. Where gradients are on, those of the head go to its parameters at once and those
  // of `normed` to `gradient` (N, C); `loss` returns what is to be minimised, every factor
  // included. Returns the sum, a scalar without a graph.
  at::Tensor head_loss(const at::Tensor& normed, const LogitLoss& loss, at::Tensor* gradient);

  // Logits (N, V) fp32 of normed states.
  at::Tensor logits(const at::Tensor& normed);

  // The model as it stands, additions merged: weights on the host, fp32, or rounded to the dtype
  // that the source stores them in. Only trained weights are edits.
  EditedModel edited(bool as_stored) const;

 private:
  struct Addition {  // weight = base + scale b a
    at::Tensor base, a, b;
    double scale;
    at::Tensor merged() const;
  };

  void take_weight(const WeightKey& key, const MappedWeight& weight);
  void add_lora(const WeightKey& key, const at::Tensor& base, uint64_t seed);
  // Weights of a block as functions of the leaves.
  BlockWeights block(int64_t block);

  const Model& source_;
  TrainChoice choice_;
  EditedModel model_;    // what the loader reads
  WeightLoader loader_;  // of model_
  PositionCache positions_;
  std::vector<Parameter> parameters_;
  std::map<const TensorView*, at::Tensor> taken_;  // the matrix of a tied head is one leaf
  std::map<WeightKey, at::Tensor> trained_;
  std::map<WeightKey, Addition> additions_;
};

}  // namespace linscan
