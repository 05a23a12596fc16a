#include "linscan/train/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

namespace linscan {

AdamW::AdamW(const std::vector<Parameter>& parameters, const AdamOptions& options)
    : parameters_(parameters), options_(options), groups_({{options.weight_decay, {}}, {0.0, {}}}) {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& value = parameters_[i].value;
    moments_.push_back({at::zeros(value.sizes(), value.options().requires_grad(false)),
                        at::zeros(value.sizes(), value.options().requires_grad(false)),
                        at::zeros({}, value.options().requires_grad(false))});
    groups_[parameters_[i].decays ? 0 : 1].members.push_back(i);
  }
}

void AdamW::zero_gradients() {
  for (Parameter& parameter : parameters_) {
    parameter.value.mutable_grad().reset();
  }
}

double AdamW::step(double learning_rate) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  for (const Parameter& parameter : parameters_) {
    if (parameter.value.grad().defined()) {
      gradients.push_back(parameter.value.grad());
    }
  }
  if (gradients.empty()) {
    return 0;
  }
  const at::Tensor norm =
      at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients)), at::Scalar(2.0));
  const double before = norm.item<double>();
  if (!std::isfinite(before)) {
    return before;
  }
  if (options_.gradient_clip > 0) {
    // As torch.nn.utils.clip_grad_norm_ does it.
    at::_foreach_mul_(gradients, at::clamp_max(options_.gradient_clip / (norm + 1e-6), 1.0));
  }
  for (const Group& group : groups_) {
    step_group(group, learning_rate);
  }
  return before;
}

void AdamW::step_group(const Group& group, double learning_rate) {
  std::vector<at::Tensor> values;
  std::vector<at::Tensor> gradients;
  std::vector<at::Tensor> first;
  std::vector<at::Tensor> second;
  std::vector<at::Tensor> steps;
  for (const size_t i : group.members) {
    const at::Tensor& value = parameters_[i].value;
    if (!value.grad().defined()) {
      continue;
    }
    values.push_back(value);
    gradients.push_back(value.grad());
    first.push_back(moments_[i].first);
    second.push_back(moments_[i].second);
    steps.push_back(moments_[i].steps.add_(1));
  }
  if (!values.empty()) {
    at::_fused_adamw_(values,
                      gradients,
                      first,
                      second,
                      /*max_exp_avg_sqs=*/{},
                      steps,
                      learning_rate,
                      options_.beta1,
                      options_.beta2,
                      group.weight_decay,
                      options_.epsilon,
                      /*amsgrad=*/false,
                      /*maximize=*/false);
  }
}

}  // namespace linscan
