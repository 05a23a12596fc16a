#include "edit/fits.h"

#include <ATen/ATen.h>

#include <utility>

#include "linscan/base/error.h"
#include "linscan/base/log.h"

namespace linscan {
namespace {

int64_t unknowns_of(const RegressionInput& input) {
  return input.inputs() + (input.bias() ? 1 : 0);
}

// A fit needs more tokens than unknowns, or a ridge.
void check_tokens(const RegressionMoments& moments, const MapChoice& map, int64_t block) {
  const bool full = map.kind == MapKind::kAffine || map.kind == MapKind::kRank;
  const int64_t unknowns = unknowns_of(moments.input());
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

// The map from `input` to what is missing. add_rows adds a batch to the moments.
UpdateMap fit_map(const EditPass& pass,
                  const std::shared_ptr<RegressionInput>& input,
                  const MapChoice& choice,
                  int64_t block,
                  const std::function<void(const EditBatch&, RegressionMoments&)>& add_rows) {
  const auto moments_with = [&](CrossProducts products) {
    RegressionMoments moments(input, pass.model().config.hidden, products);
    pass.for_fit_batches([&](const EditBatch& batch) { add_rows(batch, moments); });
    check_tokens(moments, choice, block);
    return moments;
  };
  const bool full = choice.kind == MapKind::kAffine || choice.kind == MapKind::kRank;
  if (full) {
    const RegressionMoments moments = moments_with(CrossProducts::kFast);
    if (moments.fast_products_hold(choice)) {
      return fit_update(moments, choice);
    }
    log::debug("block {}: the fit needs exact products", block);
  }
  return fit_update(moments_with(CrossProducts::kExact), choice);
}

FitRecord record_of(Method method,
                    int64_t block,
                    const RegressionInput& input,
                    const UpdateMap& map) {
  return {method,
          block,
          block,
          block,
          input.n(),
          unknowns_of(input),
          map.rank,
          map.unexplained,
          std::nullopt};
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
  const at::ScalarType dtype = stored_dtype(pass.model(), {fitted.record.block, slot, 0});
  const at::Tensor stored = value.to(at::kCPU, dtype).contiguous();
  if (pass.keeps_weights()) {
    fitted.weights.emplace_back(slot, stored);
  }
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

std::shared_ptr<RegressionInput> projection_input(const EditPass& pass,
                                                  Method method,
                                                  int64_t block) {
  const Model& model = pass.model();
  const bool bias = model.weights.find(Slot::kDownBias, block) != nullptr;
  const int64_t inputs =
      method == Method::kRefit ? model.config.mlp_size(block) : model.config.hidden;
  return std::make_shared<RegressionInput>(inputs, bias, pass.device());
}

std::shared_ptr<RegressionInput> span_input(
    EditPass& pass, const EditPlan& plan, Method method, int64_t carrier, const Stream& entry) {
  const bool normed = method == Method::kLinear && plan.normed_maps;
  return pass.input({&entry, carrier, method, normed}, [&] {
    return method == Method::kLinear
               ? std::make_shared<RegressionInput>(
                     pass.model().config.hidden, !plan.normed_maps, pass.device())
               : projection_input(pass, method, carrier);
  });
}

FittedBlock fit_projection(EditPass& pass,
                           const EditPlan& plan,
                           Method method,
                           int64_t block,
                           const PlacedBlock& now,
                           const std::shared_ptr<RegressionInput>& input,
                           const Stream& entry,
                           const Stream& target) {
  const DecoderConfig& config = pass.model().config;
  const auto [weight, bias] = stored_projection(pass, block);
  const bool refit = method == Method::kRefit;
  const double scale = config.residual_scale;
  MapChoice choice = plan.map;
  if (refit) {
    choice.kind = MapKind::kAffine;
  }
  const auto add_rows = [&](const EditBatch& batch, RegressionMoments& moments) {
    const at::Tensor x = entry.load(batch, pass.device());
    const BlockOutput out = pass.forward(now, x, batch, refit);
    const at::Tensor missing = target.load(batch, pass.device()) - out.resid_post;
    moments.add(refit ? out.mlp_hidden : out.mlp / scale, missing / scale);
  };
  const UpdateMap map = fit_map(pass, input, choice, block, add_rows);
  FittedBlock fitted{now, {}, map.mean_missing, record_of(method, block, *input, map)};
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
                             const std::shared_ptr<RegressionInput>& input,
                             const Stream& entry,
                             const Stream& target) {
  const DecoderConfig& config = pass.model().config;
  const auto add_rows = [&](const EditBatch& batch, RegressionMoments& moments) {
    const at::Tensor x = entry.load(batch, pass.device());
    const at::Tensor read =
        plan.normed_maps ? apply_norm(config, first_weights.attention_norm, x) : x;
    moments.add(read, target.load(batch, pass.device()) - x);
  };
  const UpdateMap map = fit_map(pass, input, plan.map, first, add_rows);
  FittedBlock fitted{{}, {}, map.mean_missing, record_of(Method::kLinear, first, *input, map)};
  auto weights = std::make_shared<BlockWeights>();
  if (plan.normed_maps) {
    weights->attention_norm = first_weights.attention_norm;
  }
  weights->map = add_map(fitted, pass, map);
  fitted.block.config = config.per_block[static_cast<size_t>(first)];
  fitted.block.config.form = plan.normed_maps ? BlockForm::kNormedLinear : BlockForm::kLinear;
  fitted.block.config.map_bias = input->bias();
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
  const auto input = std::make_shared<RegressionInput>(config.hidden, bias, pass.device());
  const bool normed = config.has_input_norms() && config.norm_placement != NormPlacement::kPost;
  const auto add_rows = [&](const EditBatch& batch, RegressionMoments& moments) {
    const at::Tensor x = entry.load(batch, pass.device());
    const at::Tensor read = normed ? apply_norm(config, now.weights->attention_norm, x) : x;
    const at::Tensor from = plan.target == Target::kDense ? dense.load(batch, pass.device()) : x;
    moments.add(read, from + pass.forward(now, from, batch).attention - x);
  };
  const UpdateMap map = fit_map(pass, input, plan.map, block, add_rows);
  FittedBlock fitted{now, {}, {}, record_of(Method::kLinearAttention, block, *input, map)};
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
