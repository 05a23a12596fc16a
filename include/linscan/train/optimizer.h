// AdamW with decoupled weight decay (Loshchilov and Hutter 2019), as torch.optim.AdamW(fused=True)
// computes it. Needs libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "linscan/train/trainable_model.h"

namespace linscan {

struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.1;   // of parameters that decay
  double gradient_clip = 1.0;  // norm of all gradients together; 0: not clipped

  bool operator==(const AdamOptions&) const = default;
};

class AdamW {
 public:
  AdamW(const std::vector<Parameter>& parameters, const AdamOptions& options);

  const std::vector<Parameter>& parameters() const { return parameters_; }

  void zero_gradients();
  // Clips the gradients and takes one step. Parameters without a gradient are left alone. Returns
  // the norm of all gradients before clipping; where that is not finite, nothing is changed.
  double step(double learning_rate);

  // What a resumed training needs besides the parameters, in their order: first and second moments,
  // fp32, shaped like the parameter, and the number of its steps.
  struct Moments {
    at::Tensor first, second;
    at::Tensor steps;  // scalar fp32
  };
  std::vector<Moments>& moments() { return moments_; }

 private:
  struct Group {
    double weight_decay;
    std::vector<size_t> members;  // of the parameters
  };

  void step_group(const Group& group, double learning_rate);

  std::vector<Parameter> parameters_;
  AdamOptions options_;
  std::vector<Moments> moments_;
  std::vector<Group> groups_;
};

}  // namespace linscan
