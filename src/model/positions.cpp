// Rotary tables and masks: PositionCache of block.h.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "linscan/model/block.h"

namespace linscan {
namespace {

// Queries that attend together. On a CPU small chunks skip most of the keys that causal attention
// does not see; a GPU needs more work per call.
constexpr int64_t kCpuChunk = 128;
constexpr int64_t kCudaChunk = 1024;

// 1 / base^(2i/R), in fp32 as HF computes it: the last bits of the angles at far positions depend
// on that. (R/2)
at::Tensor plain_frequencies(double base, int64_t dimensions) {
  const at::Tensor exponent =
      at::arange(0, dimensions, 2, at::kFloat) / static_cast<double>(dimensions);
  return at::reciprocal(at::pow(at::Scalar(base), exponent));
}

// HF _compute_llama3_parameters: long wavelengths are stretched by `factor`, short ones kept,
// between them a ramp.
at::Tensor llama3_frequencies(const RotaryConfig& rotary) {
  const at::Tensor frequency = plain_frequencies(rotary.base, rotary.dimensions);
  const auto context = static_cast<double>(rotary.original_positions);
  const double longest = context / rotary.low_frequency_factor;
  const double shortest = context / rotary.high_frequency_factor;
  const at::Tensor wavelength = 2 * std::numbers::pi / frequency;
  const at::Tensor stretched =
      at::where(wavelength > longest, frequency / rotary.factor, frequency);
  const at::Tensor ramp = (context / wavelength - rotary.low_frequency_factor) /
                          (rotary.high_frequency_factor - rotary.low_frequency_factor);
  const at::Tensor smooth = (1 - ramp) * stretched / rotary.factor + ramp * stretched;
  const at::Tensor between = (wavelength >= shortest).logical_and(wavelength <= longest);
  return at::where(between, smooth, stretched);
}

// HF _compute_yarn_parameters: features that turn often within the original context keep their
// frequency, those that hardly turn are stretched by `factor`, between them a ramp.
at::Tensor yarn_frequencies(const RotaryConfig& rotary) {
  const auto dimensions = static_cast<double>(rotary.dimensions);
  const auto context = static_cast<double>(rotary.original_positions);
  // The dimension whose frequency makes `rotations` turns in the context.
  const auto dimension_of = [&](double rotations) {
    return dimensions * std::log(context / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(rotary.base));
  };
  double low = dimension_of(rotary.fast_rotations);
  double high = dimension_of(rotary.slow_rotations);
  if (rotary.whole_dimensions) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dimensions - 1);
  if (low == high) {
    high += 0.001;  // as HF does, against a division by zero
  }
  const at::Tensor ramp =
      ((at::arange(rotary.dimensions / 2, at::kFloat) - low) / (high - low)).clamp(0, 1);
  const at::Tensor kept = plain_frequencies(rotary.base, rotary.dimensions);
  return kept / rotary.factor * ramp + kept * (1 - ramp);
}

// HF _compute_longrope_parameters: every pair has a factor of its own, other ones for all positions
// of a window that is longer than the original context.
at::Tensor longrope_frequencies(const RotaryConfig& rotary, int64_t length) {
  const std::vector<double>& factors =
      length > rotary.original_positions ? rotary.long_factors : rotary.short_factors;
  return plain_frequencies(rotary.base, rotary.dimensions) /
         at::tensor(factors, at::kDouble).to(at::kFloat);
}

at::Tensor frequencies(const RotaryConfig& rotary, int64_t length) {
  switch (rotary.scaling) {
    case RopeScaling::kNone:
      return plain_frequencies(rotary.base, rotary.dimensions);
    case RopeScaling::kLinear:
      return plain_frequencies(rotary.base, rotary.dimensions) / rotary.factor;
    case RopeScaling::kLlama3:
      return llama3_frequencies(rotary);
    case RopeScaling::kYarn:
      return yarn_frequencies(rotary);
    case RopeScaling::kLongRope:
      return longrope_frequencies(rotary, length);
    case RopeScaling::kDynamic:
      break;
  }
  // HF _compute_dynamic_ntk_parameters: the base grows once a window is longer than the original
  // context.
  const auto context = static_cast<double>(rotary.original_positions);
  const double reach = std::max(static_cast<double>(length), context);
  const auto dimensions = static_cast<double>(rotary.dimensions);
  const double growth = rotary.factor * reach / context - (rotary.factor - 1);
  return plain_frequencies(rotary.base * std::pow(growth, dimensions / (dimensions - 2)),
                           rotary.dimensions);
}

// Past the original context all positions turn otherwise, also the first ones.
bool depends_on_length(const RotaryConfig& rotary, int64_t length) {
  return (rotary.scaling == RopeScaling::kDynamic || rotary.scaling == RopeScaling::kLongRope) &&
         length > rotary.original_positions;
}

// Whether scores are more than plain products: then the mask is added to them, in fp32.
bool adds_to_scores(const DecoderConfig& config) {
  return !config.alibi.slopes.empty() || config.attention_cap > 0;
}

int64_t chunk_queries(at::Device device) {
  return device.is_cuda() ? kCudaChunk : kCpuChunk;
}

int64_t rows_of(const at::Tensor& table) {
  return table.defined() ? table.size(0) : 0;
}

// The size of a table that has `size` and needs `wanted`: doubled, so that windows of ever greater
// lengths cost little.
int64_t grown(int64_t size, int64_t wanted) {
  return size > 0 ? std::max(2 * size, wanted) : wanted;
}

}  // namespace

int64_t attention_score_bytes(const DecoderConfig& config) {
  constexpr int64_t kFp32 = 4;
  const int64_t copies = config.attention_cap > 0 ? 3 : config.alibi.slopes.empty() ? 0 : 1;
  return copies * config.heads * kCpuChunk * kFp32;
}

PositionCache::PositionCache(const DecoderConfig& config,
                             at::ScalarType compute_dtype,
                             at::Device device)
    : config_(config), dtype_(compute_dtype), device_(device) {}

bool rotary_depends_on_length(const DecoderConfig& config, int64_t length) {
  return std::ranges::any_of(config.rotaries, [&](const RotaryConfig& rotary) {
    return depends_on_length(rotary, length);
  });
}

PositionCache::Rotary PositionCache::rotary(int32_t index, int64_t prefix, int64_t length) {
  const RotaryConfig& rotary = config_.rotaries[static_cast<size_t>(index)];
  const int64_t total = prefix + length;
  const bool own_table = depends_on_length(rotary, total);
  Rotary& tables = rotary_[{index, own_table ? total : 0}];
  if (const int64_t rows = rows_of(tables.cos); rows < total) {
    const int64_t wanted = own_table ? total : grown(rows, total);
    const at::Tensor position = at::arange(wanted, at::kFloat).unsqueeze(1);      // (T, 1)
    const at::Tensor angle = position * frequencies(rotary, total).unsqueeze(0);  // (T, R/2)
    const auto table = [&](const at::Tensor& values) {
      return (values * rotary.attention_factor).to(device_, dtype_);
    };
    tables = {table(angle.cos()), table(angle.sin()), rotary.interleaved};
  }
  return {
      tables.cos.slice(0, prefix, total), tables.sin.slice(0, prefix, total), tables.interleaved};
}

at::Tensor PositionCache::alibi(int64_t length) {
  if (config_.alibi.slopes.empty()) {
    return {};
  }
  if (const int64_t columns = alibi_.defined() ? alibi_.size(-1) : 0; columns < length) {
    const at::ScalarType type = config_.alibi.rounded ? at::kBFloat16 : at::kFloat;
    const at::Tensor slopes = at::tensor(config_.alibi.slopes, at::kFloat).to(type);
    const at::Tensor positions = at::arange(grown(columns, length), at::kFloat).to(type);
    // In bf16 HF rounds slopes, positions and their product.
    const at::Tensor product = slopes.unsqueeze(1) * positions;
    alibi_ = (product.to(at::kFloat) * config_.alibi.scale).unsqueeze(1).to(device_);
  }
  return alibi_.slice(-1, 0, length);
}

PositionCache::Mask PositionCache::mask(int64_t prefix, int64_t length, int64_t window) {
  Mask mask;
  mask.window = window < prefix + length ? window : 0;
  const bool needs_mask = adds_to_scores(config_);
  const bool causal_kernel = device_.is_cuda() && prefix == 0 && mask.window == 0 &&
                             !needs_mask;  // skips unseen keys by itself
  mask.queries = causal_kernel ? length : std::min(length, chunk_queries(device_));
  const bool sees_all = mask.queries == length && (prefix == 0 || length == 1);
  if (!sees_all || mask.window > 0 || needs_mask) {
    const int64_t before_last = prefix + (length - 1) / mask.queries * mask.queries;
    mask.additive = visible_keys(
        mask.window == 0 ? before_last : std::min(before_last, mask.window - 1), mask.window);
    mask.own = mask.additive.size(1) - mask.additive.size(0);
  }
  return mask;
}

// For a chunk of queries, what is added to the scores of the `before` keys in front of it or more,
// and of its own.
at::Tensor PositionCache::visible_keys(int64_t before, int64_t window) {
  at::Tensor& table = visible_[window];
  const int64_t queries = chunk_queries(device_);
  const int64_t present = table.defined() ? table.size(1) - queries : -1;
  if (present < before) {
    const int64_t most = window == 0 ? grown(present, before) : window - 1;
    const at::Tensor query = at::arange(queries).unsqueeze(1);
    const at::Tensor key = at::arange(-std::max(most, before), queries).unsqueeze(0);
    at::Tensor hidden = key > query;
    if (window > 0) {
      hidden = hidden.logical_or(key <= query - window);
    }
    table = at::zeros(hidden.sizes(), at::kFloat)
                .masked_fill(hidden, -INFINITY)
                .to(device_, adds_to_scores(config_) ? at::kFloat : dtype_);
  }
  return table;
}

at::Tensor PositionCache::Mask::of_chunk(int64_t begin, int64_t end, int64_t first_key) const {
  return additive.slice(0, 0, end - begin).slice(1, own - (begin - first_key), own + (end - begin));
}

}  // namespace linscan
