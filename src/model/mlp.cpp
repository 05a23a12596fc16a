#include "model/mlp.h"

#include <ATen/ATen.h>

#include <tuple>

#include "model/activation.h"

namespace linscan {
namespace {

// Which expert a token goes to and with which weight, (N, active) each, int64 and fp32.
std::tuple<at::Tensor, at::Tensor> route(const ExpertsConfig& config,
                                         const at::Tensor& router,
                                         const at::Tensor& x) {
  const at::Tensor shares = at::softmax(at::linear(x, router), -1);  // (N, X)
  auto [weights, experts] = at::topk(shares, config.active, -1);
  if (config.normalized) {
    weights = weights / weights.sum(-1, /*keepdim=*/true);
  }
  return {experts, weights};
}

}  // namespace

at::Tensor apply_mlp(const DecoderConfig& config,
                     const MlpWeights& weights,
                     const at::Tensor& x,
                     at::Tensor* hidden_out) {
  const at::Tensor input = x.to(weights.up.weight.scalar_type());
  const bool gated = weights.gate.weight.defined();
  at::Tensor hidden = apply_activated(gated ? weights.gate : weights.up, input, config.activation);
  if (gated) {
    hidden.mul_(apply_linear(weights.up, input));
  }
  if (hidden_out != nullptr) {
    *hidden_out = hidden;
  }
  return apply_linear(weights.down, hidden).to(at::kFloat);
}

at::Tensor apply_experts(const DecoderConfig& config,
                         const ExpertsWeights& weights,
                         const at::Tensor& x) {
  const auto [experts, shares] = route(config.experts, weights.router, x);
  const int64_t active = config.experts.active;
  const at::Tensor assigned = experts.flatten();  // (N active), token-major
  const at::Tensor order = at::argsort(assigned, /*stable=*/true);
  const at::Tensor counts = at::bincount(assigned, {}, config.experts.count).cpu();
  const at::Tensor input = x.to(weights.experts.front().up.weight.scalar_type());
  const at::Tensor flat_shares = shares.flatten();
  at::Tensor out = at::zeros_like(x);
  int64_t begin = 0;
  // A token meets an expert once, so the order of the sums is that of the experts.
  for (int64_t expert = 0; expert < config.experts.count; ++expert) {
    const int64_t count = counts.data_ptr<int64_t>()[expert];
    if (count == 0) {
      continue;
    }
    const at::Tensor places = order.narrow(0, begin, count);
    const at::Tensor tokens = at::floor_divide(places, active);
    const at::Tensor result = apply_mlp(
        config, weights.experts[static_cast<size_t>(expert)], input.index_select(0, tokens));
    out.index_add_(0, tokens, result * flat_shares.index_select(0, places).unsqueeze(1));
    begin += count;
  }
  if (weights.shared.up.weight.defined()) {
    const at::Tensor open = at::sigmoid(at::linear(x, weights.shared_router));  // (N, 1)
    out += open * apply_mlp(config, weights.shared, input);
  }
  return out;
}

}  // namespace linscan
