#include "edit/fits.h"

#include <ATen/ATen.h>

#include <utility>

#include "linscan/base/error.h"

namespace linscan {
namespace {

// A fit needs more tokens than unknowns, or a ridge.
void check_tokens(const RegressionMoments& moments, const MapChoice& map, int64_t block) {
  const bool full = map.kind == MapKind::kAffine || map.kind == MapKind::kRank;
  const int64_t unknowns = moments.inputs() + (moments.bias() ? 1 : 0);
  LINSCAN_CHECK(
      !full || map.ridge > 0 || moments.n() > unknowns,
      kInput,
      "block {}: {} calibration tokens do not determine a map of {} unknowns per feature; "
      "give more text (50 tokens per unknown, {} in all), or --ridge",
      block,
      moments.n(),
      unknowns,
      50 * unknowns);
}

FitRecord record_of(Method method,
                    int64_t block,
                    const RegressionMoments& moments,
                    const UpdateMap& map) {
  return {method,
          block,
          block,
          block,
          moments.n(),
          moments.inputs() + (moments.bias() ? 1 : 0),
          map.rank,
          map.unexplained};
}

at::ScalarType stored_dtype(const Model& model, Slot slot, int64_t block) {
  return EditedModel{&model, {}, {}, {}}.stored_dtype({block, slot, 0});
}

// The block's own down projection in fp64: weight (C, F), bias (C) or undefined.
std::pair<at::Tensor, at::Tensor> stored_projection(const EditPass& pass, int64_t block) {
  const auto read = [&](Slot slot) -> at::Tensor {
    const MappedWeight* weight = pass.model().weights.find(slot, block);
    if (weight == nullptr) {
      return {};
    }
    return decode_weight(tensor_from_view(*weight->tensor), weight->transform, pass.model().config)
        .to(pass.device(), at::kDouble);
  };
  return {read(Slot::kDownWeight), read(Slot::kDownBias)};
}

// Adds a weight rounded to its stored dtype, and returns it as the block computes with it.
at::Tensor add_weight(FittedBlock& fitted, EditPass& pass, Slot slot, const at::Tensor& value) {
  const at::Tensor stored =
      value.to(at::kCPU, stored_dtype(pass.model(), slot, fitted.record.block)).contiguous();
  fitted.weights.emplace_back(slot, stored);
  return stored.to(pass.device(), pass.loader().compute_dtype());
}

// A map D (d, C), b as the linear layer of a block: weight (C, d).
Linear add_map(FittedBlock& fitted, EditPass& pass, const UpdateMap& map) {
  Linear linear{add_weight(fitted, pass, Slot::kMapWeight, map.weight.t()), {}};
  if (map.bias.defined()) {
    linear.bias = add_weight(fitted, pass, Slot::kMapBias, map.bias);
  }
  return pack(std::move(linear));
}

}  // namespace

FittedBlock fit_projection(EditPass& pass,
                           const EditPlan& plan,
                           Method method,
                           int64_t block,
                           const PlacedBlock& now,
                           const Stream& entry,
                           const Stream& target) {
  const DecoderConfig& config = pass.model().config;
  const auto [weight, bias] = stored_projection(pass, block);
  const bool refit = method == Method::kRefit;
  RegressionMoments moments(
      refit ? config.mlp_size(block) : config.hidden, config.hidden, bias.defined(), pass.device());
  const double scale = config.residual_scale;
  pass.for_fit_batches([&](const EditBatch& batch) {
    const at::Tensor x = entry.load(batch, pass.device());
    const BlockOutput out = pass.forward(now, x, batch, refit);
    const at::Tensor missing = target.load(batch, pass.device()) - out.resid_post;
    moments.add(refit ? out.mlp_hidden : out.mlp / scale, missing / scale);
  });
  MapChoice choice = plan.map;
  if (refit) {
    choice.kind = MapKind::kAffine;
  }
  check_tokens(moments, choice, block);
  const UpdateMap map = fit_update(moments, choice);
  FittedBlock fitted{now, {}, record_of(method, block, moments, map)};
  // y = z W^T + c. Refit: W + D^T, c + b. Fold: y + y D + b, so W + D^T W, c + D^T c + b.
  const at::Tensor update = map.weight.t();
  auto changed = std::make_shared<BlockWeights>(*now.weights);
  changed->mlp.down.weight =
      add_weight(fitted, pass, Slot::kDownWeight, weight + (refit ? update : update.mm(weight)));
  if (bias.defined()) {
    changed->mlp.down.bias =
        add_weight(fitted,
                   pass,
                   Slot::kDownBias,
                   bias + map.bias + (refit ? at::zeros_like(bias) : update.mv(bias)));
  }
  changed->mlp.down = pack(std::move(changed->mlp.down));
  fitted.block.weights = std::move(changed);
  return fitted;
}

FittedBlock fit_linear_block(EditPass& pass,
                             const EditPlan& plan,
                             int64_t first,
                             const BlockWeights& first_weights,
                             const Stream& entry,
                             const Stream& target) {
  const DecoderConfig& config = pass.model().config;
  const bool bias = !plan.normed_maps;
  RegressionMoments moments(config.hidden, config.hidden, bias, pass.device());
  pass.for_fit_batches([&](const EditBatch& batch) {
    const at::Tensor x = entry.load(batch, pass.device());
    const at::Tensor input =
        plan.normed_maps ? apply_norm(config, first_weights.attention_norm, x) : x;
    moments.add(input, target.load(batch, pass.device()) - x);
  });
  check_tokens(moments, plan.map, first);
  const UpdateMap map = fit_update(moments, plan.map);
  FittedBlock fitted{{}, {}, record_of(Method::kLinear, first, moments, map)};
  auto weights = std::make_shared<BlockWeights>();
  if (plan.normed_maps) {
    weights->attention_norm = first_weights.attention_norm;
  }
  weights->map = add_map(fitted, pass, map);
  fitted.block.config = config.per_block[static_cast<size_t>(first)];
  fitted.block.config.form = plan.normed_maps ? BlockForm::kNormedLinear : BlockForm::kLinear;
  fitted.block.config.map_bias = bias;
  fitted.block.config.experts = false;
  fitted.block.weights = std::move(weights);
  return fitted;
}

FittedBlock fit_linear_attention(EditPass& pass,
                                 const EditPlan& plan,
                                 int64_t block,
                                 const PlacedBlock& now,
                                 const Stream& entry,
                                 const Stream& dense) {
  const DecoderConfig& config = pass.model().config;
  const bool bias = !plan.normed_maps;
  RegressionMoments moments(config.hidden, config.hidden, bias, pass.device());
  const bool normed = config.has_input_norms() && config.norm_placement != NormPlacement::kPost;
  pass.for_fit_batches([&](const EditBatch& batch) {
    const at::Tensor x = entry.load(batch, pass.device());
    const at::Tensor input = normed ? apply_norm(config, now.weights->attention_norm, x) : x;
    const at::Tensor from = plan.target == Target::kDense ? dense.load(batch, pass.device()) : x;
    moments.add(input, from + pass.forward(now, from, batch).attention - x);
  });
  check_tokens(moments, plan.map, block);
  const UpdateMap map = fit_update(moments, plan.map);
  FittedBlock fitted{now, {}, record_of(Method::kLinearAttention, block, moments, map)};
  auto weights = std::make_shared<BlockWeights>(*now.weights);
  weights->qkv = {};
  weights->output = {};
  weights->map = add_map(fitted, pass, map);
  fitted.block.config.form = BlockForm::kLinearAttention;
  fitted.block.config.map_bias = bias;
  fitted.block.weights = std::move(weights);
  return fitted;
}

}  // namespace linscan
