// Which tensor of a checkpoint fills which slot of the decoder: the weight table applied, with
// every problem found at once.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/io/checkpoint.h"
#include "linscan/model/config.h"
#include "linscan/model/family.h"

namespace linscan {

struct MappedWeight {
  const TensorView* tensor = nullptr;  // lives as long as the checkpoint
  Transform transform = Transform::kNone;
  std::string pattern;  // of its row in the weight table, with the checkpoint's prefix in place
};

// Which weight: `index` is the expert of an expert's slot or, where heads are stored apart, the
// head; otherwise 0.
struct WeightKey {
  int64_t block = 0;  // kOutsideBlocks for slots of the model
  Slot slot = Slot::kCount;
  int64_t index = 0;

  auto operator<=>(const WeightKey&) const = default;
};

inline constexpr int64_t kOutsideBlocks = -1;

// A tensor that a weight table asks for.
struct WantedTensor {
  WeightKey key;
  std::string name;
  std::vector<int64_t> shape;  // as stored
  Transform transform = Transform::kNone;
};

// All tensors that `rows` ask for in a model of `config`, row by row; `prefix` stands for the "@"
// of their patterns. Where rows are alternatives for one slot, each is listed.
std::vector<WantedTensor> wanted_tensors(const DecoderConfig& config,
                                         const std::vector<WeightRow>& rows,
                                         std::string_view prefix);

class WeightMap {
 public:
  // Checks that the checkpoint holds exactly what the family's table asks for, in the shapes of the
  // config and in floating point. Missing, unexpected and misshapen tensors are all listed in one
  // error.
  static WeightMap resolve(const Checkpoint& checkpoint,
                           const DecoderConfig& config,
                           const Family& family);

  // nullptr where the decoder has no such weight. `block` is ignored for slots of the model.
  const MappedWeight* find(Slot slot, int64_t block = 0, int64_t index = 0) const;
  // The HF name that the weight has in block `block`; of a model's weight, its name.
  std::string name(const WeightKey& key, int64_t block) const;
  // All weights, by block, then slot, then index.
  const std::map<WeightKey, MappedWeight>& all() const { return weights_; }

  // The base-model prefix of the checkpoint's names ("model.").
  const std::string& prefix() const { return prefix_; }

  // Distinct tensors of one block, and those outside the blocks.
  std::vector<const TensorView*> block_tensors(int64_t block) const;
  std::vector<const TensorView*> model_tensors() const;

  // Stored numbers, each tensor counted once (a tied head is not counted again).
  int64_t parameters() const { return parameters_; }
  // The element type of the largest tensor of the first block: that of the model's matrices.
  DType dtype() const;
  // Bytes of the largest block as stored.
  int64_t largest_block_bytes() const;

 private:
  std::map<WeightKey, MappedWeight> weights_;
  std::string prefix_;
  int64_t blocks_ = 0;
  int64_t parameters_ = 0;
};

}  // namespace linscan
