#include "linscan/model/weights.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <numeric>
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

// Shape of fused rows by group: (K, H/K + 2, D, ...), the ... those of `weight` after its rows.
std::vector<int64_t> group_shape(const at::Tensor& weight, const DecoderConfig& config) {
  std::vector<int64_t> shape = {
      config.kv_heads, config.heads / config.kv_heads + 2, config.head_size};
  const auto tail = weight.sizes().slice(1);
  shape.insert(shape.end(), tail.begin(), tail.end());
  return shape;
}

// (HD + 2KD, ...) rows by group to all queries, all keys, all values.
at::Tensor split_groups(const at::Tensor& stored, const DecoderConfig& config) {
  const at::Tensor groups = stored.reshape(group_shape(stored, config));
  const int64_t queries = config.heads / config.kv_heads;
  const auto rows = [](const at::Tensor& part) { return part.flatten(0, 2); };
  return at::cat({rows(groups.narrow(1, 0, queries)),
                  rows(groups.narrow(1, queries, 1)),
                  rows(groups.narrow(1, queries + 1, 1))});
}

at::Tensor join_groups(const at::Tensor& weight, const DecoderConfig& config) {
  std::vector<int64_t> shape = group_shape(weight, config);
  const int64_t queries = shape[1] - 2;
  const auto group = [&](int64_t begin, int64_t rows, int64_t heads) {
    shape[1] = heads;
    return weight.narrow(0, begin, rows).reshape(shape);
  };
  const int64_t query = config.query_size();
  const int64_t key = config.key_size();
  return at::cat({group(0, query, queries), group(query, key, 1), group(query + key, key, 1)}, 1)
      .reshape(weight.sizes());
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

EditedModel EditedModel::unchanged(const Model& source) {
  EditedModel model{&source, source.config, {}, {}};
  model.blocks.resize(static_cast<size_t>(source.config.blocks()));
  std::iota(model.blocks.begin(), model.blocks.end(), 0);
  return model;
}

at::ScalarType stored_dtype(const Model& source, const WeightKey& key) {
  const MappedWeight* stored = source.weights.find(key.slot, key.block, key.index);
  return scalar_type(stored == nullptr ? source.weights.dtype() : stored->tensor->dtype);
}

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

at::Tensor decode_weight(const at::Tensor& stored,
                         Transform transform,
                         const DecoderConfig& config) {
  switch (transform) {
    case Transform::kNone:
    case Transform::kRowOfSlot:
      return stored;
    case Transform::kTranspose:
      return stored.t();
    case Transform::kQkvPerGroup:
      return split_groups(stored, config);
  }
  fail(ErrorKind::kInternal, "unknown weight transform");
}

at::Tensor encode_weight(const at::Tensor& weight,
                         Transform transform,
                         const DecoderConfig& config) {
  // Transposing is its own inverse.
  return transform == Transform::kQkvPerGroup ? join_groups(weight, config)
                                              : decode_weight(weight, transform, config);
}

WeightLoader::WeightLoader(const WeightMap& map,
                           const DecoderConfig& config,
                           at::ScalarType compute_dtype,
                           at::Device device)
    : map_(map), config_(config), compute_dtype_(compute_dtype), device_(device) {}

WeightLoader::WeightLoader(const EditedModel& model,
                           at::ScalarType compute_dtype,
                           at::Device device,
                           WeightUse use)
    : WeightLoader(model.source->weights, model.config, compute_dtype, device) {
  edits_ = &model;
  use_ = use;
}

int64_t WeightLoader::source_block(int64_t block) const {
  return edits_ == nullptr ? block : edits_->blocks[static_cast<size_t>(block)];
}

const MappedWeight* WeightLoader::find(Slot slot, int64_t block, int64_t index) const {
  if (!is_block_slot(slot)) {
    return map_.find(slot, 0, index);
  }
  const bool has = form_has(config_, config_.per_block[static_cast<size_t>(block)], slot);
  return has ? map_.find(slot, source_block(block), index) : nullptr;
}

const at::Tensor* WeightLoader::replaced(Slot slot, int64_t block, int64_t index) const {
  if (edits_ == nullptr) {
    return nullptr;
  }
  const auto found = edits_->weights.find(
      {is_block_slot(slot) ? source_block(block) : kOutsideBlocks, slot, index});
  return found == edits_->weights.end() ? nullptr : &found->second;
}

at::Tensor WeightLoader::load(Slot slot, int64_t block, at::ScalarType dtype, int64_t index) const {
  if (const at::Tensor* weight = replaced(slot, block, index)) {
    return weight->to(device_, dtype);
  }
  const MappedWeight* weight = find(slot, block, index);
  if (weight == nullptr) {
    return {};
  }
  const at::Tensor stored = tensor_from_view(*weight->tensor);
  return decode_weight(stored, weight->transform, config_).to(device_, dtype);
}

Linear WeightLoader::load_linear(Slot weight, Slot bias, int64_t block, int64_t index) const {
  return {load(weight, block, compute_dtype_, index), load(bias, block, compute_dtype_, index)};
}

Linear WeightLoader::load_packed(Slot weight, Slot bias, int64_t block, int64_t index) const {
  return finish(load_linear(weight, bias, block, index), {{block, weight, index}});
}

Linear WeightLoader::finish(Linear linear, std::initializer_list<WeightKey> weights) const {
  Linear packed = use_ == WeightUse::kInference ? pack(std::move(linear)) : std::move(linear);
  if (packed.weight.defined() && packed.weight.is_mkldnn()) {
    for (const WeightKey& key : weights) {
      if (const MappedWeight* mapped = find(key.slot, key.block, key.index)) {
        mapped->tensor->release();
      }
    }
  }
  return packed;
}

Norm WeightLoader::load_norm(Slot weight, Slot bias, int64_t block) const {
  Norm norm{load(weight, block, at::kFloat), load(bias, block, at::kFloat)};
  if (config_.norm_unit_offset && norm.weight.defined()) {
    norm.weight = norm.weight + 1;
  }
  return norm;
}

// Weights that are stored head by head become the rows of one tensor.
at::Tensor WeightLoader::load_qk_norm(Slot slot, int64_t block) const {
  const MappedWeight* first = find(slot, block);
  at::Tensor weight = load(slot, block, at::kFloat);
  if (first != nullptr && first->transform == Transform::kRowOfSlot) {
    std::vector<at::Tensor> heads = {weight};
    for (int64_t head = 1; find(slot, block, head) != nullptr; ++head) {
      heads.push_back(load(slot, block, at::kFloat, head));
    }
    weight = at::stack(heads);
  }
  return weight.defined() && config_.norm_unit_offset ? weight + 1 : weight;
}

Linear WeightLoader::load_qkv(int64_t block) const {
  if (find(Slot::kQkvWeight, block) != nullptr) {
    return load_packed(Slot::kQkvWeight, Slot::kQkvBias, block);
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
      std::move(fused),
      {{block, Slot::kQueryWeight}, {block, Slot::kKeyWeight}, {block, Slot::kValueWeight}});
}

MlpWeights WeightLoader::load_mlp(int64_t block) const {
  MlpWeights mlp;
  if (const at::Tensor fused = load(Slot::kGateUpWeight, block, compute_dtype_); fused.defined()) {
    const WeightKey key{block, Slot::kGateUpWeight};
    mlp.gate = finish({fused.narrow(0, 0, config_.mlp), {}}, {});
    mlp.up = finish({fused.narrow(0, config_.mlp, config_.mlp), {}}, {key});
  } else {
    mlp.gate = load_packed(Slot::kGateWeight, Slot::kGateBias, block);
    mlp.up = load_packed(Slot::kUpWeight, Slot::kUpBias, block);
  }
  mlp.down = load_packed(Slot::kDownWeight, Slot::kDownBias, block);
  return mlp;
}

ExpertsWeights WeightLoader::load_experts(int64_t block) const {
  const auto load_matrix = [&](Slot slot, int64_t index) {
    return load_packed(slot, Slot::kCount, block, index);
  };
  ExpertsWeights weights;
  weights.router = load(Slot::kRouterWeight, block, at::kFloat);
  for (int64_t expert = 0; expert < config_.experts.count; ++expert) {
    weights.experts.push_back({load_matrix(Slot::kExpertGateWeight, expert),
                               load_matrix(Slot::kExpertUpWeight, expert),
                               load_matrix(Slot::kExpertDownWeight, expert)});
  }
  weights.shared = {load_matrix(Slot::kSharedGateWeight, 0),
                    load_matrix(Slot::kSharedUpWeight, 0),
                    load_matrix(Slot::kSharedDownWeight, 0)};
  weights.shared_router = load(Slot::kSharedRouterWeight, block, at::kFloat);
  return weights;
}

BlockWeights WeightLoader::block(int64_t block) const {
  const BlockConfig& own = config_.per_block[static_cast<size_t>(block)];
  BlockWeights weights;
  weights.attention_norm = load_norm(Slot::kAttentionNormWeight, Slot::kAttentionNormBias, block);
  weights.map = load_packed(Slot::kMapWeight, Slot::kMapBias, block);
  if (own.has_attention()) {
    weights.qkv = load_qkv(block);
  }
  weights.query_norm = {load_qk_norm(Slot::kQueryNormWeight, block),
                        load(Slot::kQueryNormBias, block, at::kFloat)};
  weights.key_norm = {load_qk_norm(Slot::kKeyNormWeight, block),
                      load(Slot::kKeyNormBias, block, at::kFloat)};
  weights.output = load_packed(Slot::kOutputWeight, Slot::kOutputBias, block);
  weights.attention_output_norm =
      load_norm(Slot::kAttentionOutputNormWeight, Slot::kAttentionOutputNormBias, block);
  weights.mlp_norm = load_norm(Slot::kMlpNormWeight, Slot::kMlpNormBias, block);
  if (own.has_mlp() && own.experts) {
    weights.experts = load_experts(block);
  } else if (own.has_mlp()) {
    weights.mlp = load_mlp(block);
  }
  weights.mlp_output_norm = load_norm(Slot::kMlpOutputNormWeight, Slot::kMlpOutputNormBias, block);
  return weights;
}

at::Tensor WeightLoader::load_table(Slot slot) const {
  const at::Tensor* edited = replaced(slot, 0, 0);
  const MappedWeight* stored = map_.find(slot);
  if (edited == nullptr && stored == nullptr) {
    return {};
  }
  const at::Tensor table = edited != nullptr ? *edited : tensor_from_view(*stored->tensor);
  return use_ == WeightUse::kTraining ? table.to(device_) : table;
}

EmbeddingWeights WeightLoader::embedding() const {
  // The tables stay on the host, as stored: only the rows of the text are read and moved.
  EmbeddingWeights weights;
  weights.tokens = load_table(Slot::kTokenEmbedding);
  weights.positions = load_table(Slot::kPositionEmbedding);
  weights.projection = load(Slot::kEmbeddingProjection, 0, at::kFloat);
  weights.norm = load_norm(Slot::kEmbeddingNormWeight, Slot::kEmbeddingNormBias, 0);
  return weights;
}

Norm WeightLoader::final_norm() const {
  return load_norm(Slot::kFinalNormWeight, Slot::kFinalNormBias, 0);
}

HeadWeights WeightLoader::head() const {
  HeadWeights weights;
  weights.projection = finish({load(Slot::kHeadProjection, 0, compute_dtype_), {}}, {});
  weights.head = finish(load_linear(Slot::kHead, Slot::kHeadBias, 0), {});
  return weights;
}

std::string WeightLoader::find_non_finite(std::optional<int64_t> block) const {
  for (const TensorView* tensor :
       block ? map_.block_tensors(source_block(*block)) : map_.model_tensors()) {
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
  for (const TensorView* tensor : map_.block_tensors(source_block(block))) {
    tensor->prefetch();
  }
}

void WeightLoader::release(int64_t block) const {
  for (const TensorView* tensor : map_.block_tensors(source_block(block))) {
    tensor->release();
  }
}

void WeightLoader::release_model() const {
  for (const TensorView* tensor : map_.model_tensors()) {
    tensor->release();
  }
}

}  // namespace linscan
