#include "linscan/train/regularizer.h"

#include <torch/torch.h>

#include "linscan/base/error.h"

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

RegularizerKind parse_regularizer(std::string_view text) {
  for (const RegularizerKind kind :
       {RegularizerKind::kNone, RegularizerKind::kCosine, RegularizerKind::kMse}) {
    if (text == name(kind)) {
      return kind;
    }
  }
  fail(ErrorKind::kUsage, "regularizer '{}': expected none, cosine or mse", text);
}

std::string_view name(RegularizerKind kind) {
  switch (kind) {
    case RegularizerKind::kNone:
      return "none";
    case RegularizerKind::kCosine:
      return "cosine";
    case RegularizerKind::kMse:
      return "mse";
  }
  return "";
}

at::Tensor regularizer(const std::vector<at::Tensor>& stream,
                       const at::Tensor& normed,
                       const RegularizerOptions& options) {
  at::Tensor total = at::zeros({}, stream.front().options().requires_grad(false));
  if (options.kind == RegularizerKind::kNone) {
    return total;
  }
  const size_t first = options.embedding ? 1 : 2;
  double pairs = 0;
  for (size_t i = first; i < stream.size(); ++i) {
    const bool last = i + 1 == stream.size();
    const at::Tensor& after = last && options.post_norm ? normed : stream[i];
    total = total + (options.kind == RegularizerKind::kCosine
                         ? CosineDistance::apply(after, stream[i - 1])
                         : (after - stream[i - 1]).square().sum());
    ++pairs;
  }
  const double rows = static_cast<double>(stream.front().size(0));
  double factor = (options.push_apart ? -options.lambda : options.lambda) / rows;
  if (options.mean_over_pairs && pairs > 0) {
    factor /= pairs;
  }
  if (options.kind == RegularizerKind::kMse && options.mean_over_features) {
    factor /= static_cast<double>(stream.front().size(1));
  }
  return total * factor;
}

}  // namespace linscan
