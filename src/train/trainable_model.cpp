#include "linscan/train/trainable_model.h"

#include <torch/torch.h>

#include <algorithm>
#include <set>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/base/random.h"
#include "train/checkpointing.h"

namespace linscan {
namespace {

// Logits of a chunk of rows with their gradients: few enough that they stay near the caches.
constexpr int64_t kCpuLogitBytes = int64_t{16} << 20;
constexpr int64_t kCudaLogitBytes = int64_t{1} << 30;
constexpr int64_t kLeastLogitRows = 128;

bool is_map(Slot slot) {
  return slot == Slot::kMapWeight || slot == Slot::kMapBias;
}

bool is_norm(Slot slot) {
  switch (slot) {
    case Slot::kEmbeddingNormWeight:
    case Slot::kFinalNormWeight:
    case Slot::kAttentionNormWeight:
    case Slot::kQueryNormWeight:
    case Slot::kKeyNormWeight:
    case Slot::kAttentionOutputNormWeight:
    case Slot::kMlpNormWeight:
    case Slot::kMlpOutputNormWeight:
      return true;
    default:
      return false;
  }
}

// Matrices that get additions: all of a block but those that choose experts.
bool takes_lora(Slot slot, const at::Tensor& weight) {
  return is_block_slot(slot) && weight.dim() == 2 && !is_norm(slot) &&
         slot != Slot::kRouterWeight && slot != Slot::kSharedRouterWeight;
}

bool trains(const DecoderConfig& config, const TrainChoice& choice, const WeightKey& key) {
  const bool projection = (key.slot == Slot::kDownWeight || key.slot == Slot::kDownBias) &&
                          std::ranges::find(choice.blocks, key.block) != choice.blocks.end();
  switch (choice.kind) {
    case TrainChoice::Kind::kAll:
      return true;
    case TrainChoice::Kind::kMaps:
      return is_map(key.slot) || projection;
    case TrainChoice::Kind::kProjections:
      return projection;
    case TrainChoice::Kind::kLast:
      if (key.slot == Slot::kHead && config.tied_head) {
        return false;  // it is the embedding
      }
      return key.block == kOutsideBlocks ? key.slot >= Slot::kFinalNormWeight
                                         : key.block >= config.blocks() - choice.count;
    case TrainChoice::Kind::kLora:
      return false;
  }
  return false;
}

// Normal numbers that are the same on every device: drawn on the host.
at::Tensor draw(at::IntArrayRef shape, double deviation, uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  return at::normal(0.0, deviation, shape, generator);
}

}  // namespace

at::Tensor TrainableModel::Addition::merged() const {
  const at::Tensor addition = at::matmul(b, a) * scale;
  return base.scalar_type() == at::kFloat ? base + addition
                                          : base + addition.to(base.scalar_type());
}

TrainableModel::TrainableModel(const Model& source,
                               const TrainChoice& choice,
                               at::ScalarType compute_dtype,
                               at::Device device,
                               uint64_t seed)
    : source_(source),
      choice_(choice),
      model_(EditedModel::unchanged(source)),
      loader_(model_, compute_dtype, device, WeightUse::kTraining),
      positions_(source.config, compute_dtype, device) {
  for (const auto& [key, weight] : source.weights.all()) {
    take_weight(key, weight);
    if (choice.kind == TrainChoice::Kind::kLora && takes_lora(key.slot, model_.weights.at(key))) {
      // Every matrix draws from a generator of its own, so that no other choice moves it.
      add_lora(key, model_.weights.at(key), Random(seed + parameters_.size()).next());
    }
  }
  LINSCAN_CHECK(!parameters_.empty(),
                kInput,
                "{}: '{}' trains nothing: the model has no such weights",
                source.checkpoint.folder().string(),
                to_string(choice));
  taken_.clear();
}

int64_t TrainableModel::held_bytes(const Model& source,
                                   const TrainChoice& choice,
                                   at::ScalarType compute_dtype) {
  constexpr int64_t kTrainedBytes = 4 * sizeof(float);  // weight, gradient, two moments
  int64_t bytes = 0;
  std::set<const TensorView*> seen;  // a tied head is one tensor
  for (const auto& [key, weight] : source.weights.all()) {
    if (seen.insert(weight.tensor).second) {
      bytes +=
          weight.tensor->elements() * (trains(source.config, choice, key)
                                           ? kTrainedBytes
                                           : static_cast<int64_t>(c10::elementSize(compute_dtype)));
    }
  }
  return bytes;
}

void TrainableModel::take_weight(const WeightKey& key, const MappedWeight& weight) {
  const bool trained = trains(config(), choice_, key);
  at::Tensor& taken = taken_[weight.tensor];
  if (!taken.defined()) {
    const at::Tensor stored =
        decode_weight(tensor_from_view(*weight.tensor), weight.transform, config());
    const bool exact = trained || stored.dim() < 2 || is_norm(key.slot) ||
                       key.slot == Slot::kRouterWeight || key.slot == Slot::kSharedRouterWeight;
    taken = stored
                .to(at::TensorOptions(device()).dtype(exact ? at::kFloat : loader_.compute_dtype()),
                    /*non_blocking=*/false,
                    /*copy=*/true)
                .contiguous();
    if (trained) {
      taken.requires_grad_();
      parameters_.push_back(
          {source_.weights.name(key, key.block), taken, taken.dim() >= 2 && !is_norm(key.slot)});
    }
  }
  if (trained) {
    trained_[key] = taken;
  }
  model_.weights[key] = taken;
}

void TrainableModel::add_lora(const WeightKey& key, const at::Tensor& base, uint64_t seed) {
  const int64_t rank = std::min({choice_.count, base.size(0), base.size(1)});
  const double deviation = 1.0 / std::sqrt(static_cast<double>(base.size(1)));
  Addition addition{base,
                    draw({rank, base.size(1)}, deviation, seed).to(device()).requires_grad_(),
                    at::zeros({base.size(0), rank}, device()).requires_grad_(),
                    1.0};
  const std::string name = source_.weights.name(key, key.block);
  parameters_.push_back({name + ".lora_a", addition.a, true});
  parameters_.push_back({name + ".lora_b", addition.b, true});
  additions_.emplace(key, std::move(addition));
}

int64_t TrainableModel::trained_numbers() const {
  int64_t count = 0;
  for (const Parameter& parameter : parameters_) {
    count += parameter.value.numel();
  }
  return count;
}

BlockWeights TrainableModel::block(int64_t block) {
  const auto end = additions_.lower_bound({block + 1, Slot{}, 0});
  for (auto addition = additions_.lower_bound({block, Slot{}, 0}); addition != end; ++addition) {
    model_.weights[addition->first] = addition->second.merged();
  }
  return loader_.block(block);
}

ForwardStates TrainableModel::forward(const at::Tensor& ids,
                                      const BatchLayout& layout,
                                      bool checkpointing) {
  const BatchLayout placed = layout.to(device());
  ForwardStates states;
  states.stream.push_back(forward_embedding(config(), loader_.embedding(), ids, placed, device()));
  for (int64_t i = 0; i < config().blocks(); ++i) {
    const auto run = [this, i, placed](const at::Tensor& x) {
      return forward_block(config(), i, block(i), x, placed, positions_).resid_post;
    };
    const at::Tensor& x = states.stream.back();
    states.stream.push_back(checkpointing ? checkpointed(run, x) : run(x));
  }
  states.normed = forward_final_norm(config(), loader_.final_norm(), states.stream.back());
  return states;
}

at::Tensor TrainableModel::logits(const at::Tensor& normed) {
  return forward_head(config(), loader_.head(), normed);
}

at::Tensor TrainableModel::head_loss(const at::Tensor& normed,
                                     const LogitLoss& loss,
                                     at::Tensor* gradient) {
  const bool with_gradient = at::GradMode::is_enabled() && gradient != nullptr;
  const int64_t bytes = device().is_cuda() ? kCudaLogitBytes : kCpuLogitBytes;
  const int64_t rows = std::max(
      kLeastLogitRows, bytes / (config().vocabulary * static_cast<int64_t>(sizeof(float))));
  at::Tensor total = at::zeros({}, at::TensorOptions(device()).dtype(at::kDouble));
  std::vector<at::Tensor> gradients;
  for (int64_t begin = 0; begin < normed.size(0); begin += rows) {
    const int64_t count = std::min(rows, normed.size(0) - begin);
    const at::Tensor chunk = normed.detach().narrow(0, begin, count).requires_grad_(with_gradient);
    const at::Tensor part = loss(logits(chunk), begin);
    if (with_gradient) {
      part.backward();
      gradients.push_back(chunk.grad());
    }
    total += part.detach();
  }
  if (with_gradient) {
    *gradient = at::cat(gradients);
  }
  return total;
}

EditedModel TrainableModel::edited(bool as_stored) const {
  const at::NoGradGuard no_grad;
  EditedModel model = EditedModel::unchanged(source_);
  const auto put = [&](const WeightKey& key, const at::Tensor& weight) {
    model.weights[key] =
        weight.detach().to(at::kCPU, as_stored ? stored_dtype(source_, key) : at::kFloat);
  };
  for (const auto& [key, weight] : trained_) {
    put(key, weight);
  }
  for (const auto& [key, addition] : additions_) {
    // The base as stored: the one in use may have been rounded to the compute dtype.
    const MappedWeight& stored = *source_.weights.find(key.slot, key.block, key.index);
    const at::Tensor base =
        decode_weight(tensor_from_view(*stored.tensor), stored.transform, config());
    put(key, base.to(device(), at::kFloat) + at::matmul(addition.b, addition.a) * addition.scale);
  }
  return model;
}

}  // namespace linscan
