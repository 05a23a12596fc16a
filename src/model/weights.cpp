#include "linscan/model/weights.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <utility>
#include <vector>

#include "linscan/base/error.h"

namespace linscan {
namespace {

at::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return at::kDouble;
    case DType::kF32:
      return at::kFloat;
    case DType::kF16:
      return at::kHalf;
    case DType::kBF16:
      return at::kBFloat16;
    case DType::kI64:
      return at::kLong;
    case DType::kI32:
      return at::kInt;
    case DType::kI16:
      return at::kShort;
    case DType::kI8:
      return at::kChar;
    case DType::kU8:
      return at::kByte;
    case DType::kBool:
      return at::kBool;
  }
  fail(ErrorKind::kInternal, "unknown dtype");
}

// Stored rows q0 k0 v0 q1 k1 v1 ... of D each, to all q, all k, all v. (3HD, ...) -> (3HD, ...)
at::Tensor group_qkv_rows(const at::Tensor& stored, int64_t heads, int64_t head_size) {
  std::vector<int64_t> split = {heads, 3, head_size};
  const auto tail = stored.sizes().slice(1);
  split.insert(split.end(), tail.begin(), tail.end());
  return stored.reshape(split).transpose(0, 1).reshape(stored.sizes());
}

at::Tensor apply_transform(const at::Tensor& stored,
                           Transform transform,
                           const DecoderConfig& config) {
  switch (transform) {
    case Transform::kNone:
      return stored;
    case Transform::kTranspose:
      return stored.t();
    case Transform::kQkvPerHead:
      return group_qkv_rows(stored, config.heads, config.head_size);
  }
  fail(ErrorKind::kInternal, "unknown weight transform");
}

int64_t count_non_finite(const TensorView& view) {
  const at::Tensor values = tensor_from_view(view);
  // One pass in the common case: a NaN or an infinity anywhere makes the sum non-finite. Only then
  // count; a sum that merely overflowed is found out that way too.
  const at::ScalarType type = item_size(view.dtype) == 2 ? at::kFloat : values.scalar_type();
  if (std::isfinite(values.sum(type).item<double>())) {
    return 0;
  }
  return values.numel() - at::isfinite(values).sum().item<int64_t>();
}

}  // namespace

at::Tensor tensor_from_view(const TensorView& view) {
  const at::ScalarType type = scalar_type(view.dtype);
  std::byte* data = view.data();
  const auto options = at::TensorOptions().dtype(type);
  if (view.elements() == 0) {
    return at::empty(view.shape, options);
  }
  // The deleter owns a reference to the mapping, so the view outlives the checkpoint object.
  at::Tensor tensor = at::from_blob(data, view.shape, [file = view.file](void*) {}, options);
  const bool aligned =
      reinterpret_cast<uintptr_t>(data) % static_cast<size_t>(item_size(view.dtype)) == 0;
  return aligned ? tensor : tensor.clone();
}

WeightLoader::WeightLoader(const WeightMap& map,
                           const DecoderConfig& config,
                           at::ScalarType compute_dtype,
                           at::Device device)
    : map_(map), config_(config), compute_dtype_(compute_dtype), device_(device) {}

at::Tensor WeightLoader::load(Slot slot, int64_t block, at::ScalarType dtype) const {
  const MappedWeight* weight = map_.find(slot, block);
  if (weight == nullptr) {
    return {};
  }
  const at::Tensor stored = tensor_from_view(*weight->tensor);
  return apply_transform(stored, weight->transform, config_).to(device_, dtype);
}

Linear WeightLoader::load_linear(Slot weight, Slot bias, int64_t block) const {
  return {load(weight, block, compute_dtype_), load(bias, block, compute_dtype_)};
}

Linear WeightLoader::finish(Linear linear,
                            std::initializer_list<Slot> weights,
                            int64_t block) const {
  Linear packed = pack(std::move(linear));
  if (packed.weight.defined() && packed.weight.is_mkldnn()) {
    for (const Slot slot : weights) {
      map_.find(slot, block)->tensor->release();
    }
  }
  return packed;
}

Norm WeightLoader::load_norm(Slot weight, Slot bias, int64_t block) const {
  return {load(weight, block, at::kFloat), load(bias, block, at::kFloat)};
}

Linear WeightLoader::load_qkv(int64_t block) const {
  if (map_.find(Slot::kQkvWeight, block) != nullptr) {
    return finish(load_linear(Slot::kQkvWeight, Slot::kQkvBias, block), {Slot::kQkvWeight}, block);
  }
  const Linear query = load_linear(Slot::kQueryWeight, Slot::kQueryBias, block);
  const Linear key = load_linear(Slot::kKeyWeight, Slot::kKeyBias, block);
  const Linear value = load_linear(Slot::kValueWeight, Slot::kValueBias, block);
  Linear fused;
  fused.weight = at::cat({query.weight, key.weight, value.weight});
  if (query.bias.defined()) {
    fused.bias = at::cat({query.bias, key.bias, value.bias});
  }
  return finish(
      std::move(fused), {Slot::kQueryWeight, Slot::kKeyWeight, Slot::kValueWeight}, block);
}

BlockWeights WeightLoader::block(int64_t block) const {
  BlockWeights weights;
  weights.attention_norm = load_norm(Slot::kAttentionNormWeight, Slot::kAttentionNormBias, block);
  weights.qkv = load_qkv(block);
  const auto load_matrix = [&](Slot weight, Slot bias) {
    return finish(load_linear(weight, bias, block), {weight}, block);
  };
  weights.output = load_matrix(Slot::kOutputWeight, Slot::kOutputBias);
  weights.mlp_norm = load_norm(Slot::kMlpNormWeight, Slot::kMlpNormBias, block);
  weights.gate = load_matrix(Slot::kGateWeight, Slot::kGateBias);
  weights.up = load_matrix(Slot::kUpWeight, Slot::kUpBias);
  weights.down = load_matrix(Slot::kDownWeight, Slot::kDownBias);
  return weights;
}

EmbeddingWeights WeightLoader::embedding() const {
  // The tables stay on the host, as stored: only the rows of the text are read and moved.
  EmbeddingWeights weights;
  weights.tokens = tensor_from_view(*map_.find(Slot::kTokenEmbedding)->tensor);
  if (const MappedWeight* positions = map_.find(Slot::kPositionEmbedding)) {
    weights.positions = tensor_from_view(*positions->tensor);
  }
  weights.projection = load(Slot::kEmbeddingProjection, 0, at::kFloat);
  return weights;
}

Norm WeightLoader::final_norm() const {
  return load_norm(Slot::kFinalNormWeight, Slot::kFinalNormBias, 0);
}

HeadWeights WeightLoader::head() const {
  HeadWeights weights;
  weights.projection = pack({load(Slot::kHeadProjection, 0, compute_dtype_), {}});
  weights.head = pack({load(Slot::kHead, 0, compute_dtype_), {}});
  return weights;
}

std::string WeightLoader::find_non_finite(std::optional<int64_t> block) const {
  for (const TensorView* tensor : block ? map_.block_tensors(*block) : map_.model_tensors()) {
    if (const int64_t count = count_non_finite(*tensor); count > 0) {
      return fmt::format("{} holds {} value{} that are NaN or infinite",
                         tensor->name,
                         count,
                         count == 1 ? "" : "s");
    }
  }
  return "";
}

void WeightLoader::prefetch(int64_t block) const {
  for (const TensorView* tensor : map_.block_tensors(block)) {
    tensor->prefetch();
  }
}

void WeightLoader::release(int64_t block) const {
  for (const TensorView* tensor : map_.block_tensors(block)) {
    tensor->release();
  }
}

void WeightLoader::release_model() const {
  for (const TensorView* tensor : map_.model_tensors()) {
    tensor->release();
  }
}

}  // namespace linscan
