#include "train/cosine_distance.h"

#include <torch/torch.h>

namespace linscan {
namespace {

at::Tensor row_dot(const at::Tensor& a, const at::Tensor& b) {
  return at::linalg_vecdot(a, b).unsqueeze(1);  // (N, 1)
}

// Sum over rows of 1 - cos(a, b), with the gradient in closed form: for h_i,
// d cos / d a = b / (|a| |b|) - cos a / |a|^2. One pass over the states forward and one backward,
// where the composed operators take some ten.
class CosineDistance : public torch::autograd::Function<CosineDistance> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context,
                            const at::Tensor& a,
                            const at::Tensor& b) {
    const at::Tensor inverse_a = row_dot(a, a).clamp_min(kLeast).rsqrt();
    const at::Tensor inverse_b = row_dot(b, b).clamp_min(kLeast).rsqrt();
    const at::Tensor cosine = row_dot(a, b) * inverse_a * inverse_b;
    context->save_for_backward({a, b, inverse_a, inverse_b, cosine});
    return (1 - cosine).sum();
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& a = saved[0];
    const at::Tensor& b = saved[1];
    const at::Tensor factor = -gradients.front();
    const at::Tensor cross = factor * saved[2] * saved[3];  // (N, 1)
    const auto own = [&](const at::Tensor& inverse) {
      return factor * saved[4] * inverse * inverse;
    };
    return {(b * cross).addcmul_(a, own(saved[2]), -1), (a * cross).addcmul_(b, own(saved[3]), -1)};
  }

 private:
  static constexpr double kLeast = 1e-16;  // cosine_similarity of torch: norms of at least 1e-8
};

}  // namespace

at::Tensor cosine_distance(const at::Tensor& a, const at::Tensor& b) {
  return CosineDistance::apply(a, b);
}

}  // namespace linscan
