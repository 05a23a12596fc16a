#include "linscan/train/distillation_loss.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "linscan/base/error.h"

namespace linscan {
namespace {

using Member = double DistillationWeights::*;

constexpr std::array<std::pair<std::string_view, Member>, 4> kLosses = {
    {{"kl", &DistillationWeights::kl},
     {"mse", &DistillationWeights::mse},
     {"cosine", &DistillationWeights::cosine},
     {"ce", &DistillationWeights::cross_entropy}}};

// T^2 KL with the gradient in closed form, T (softmax(student / T) - softmax(teacher / T)): the
// composed operators keep three more matrices of N x V.
class KlDivergence : public torch::autograd::Function<KlDivergence> {
 public:
  // teacher, student  (N, V) divided by T.
  static at::Tensor forward(torch::autograd::AutogradContext* context,
                            const at::Tensor& student,
                            const at::Tensor& teacher) {
    const at::Tensor student_log = at::log_softmax(student, 1);
    at::Tensor difference = at::log_softmax(teacher, 1);
    const at::Tensor probabilities = difference.exp();
    difference.sub_(student_log).mul_(probabilities);
    context->save_for_backward({student_log, probabilities});
    return difference.sum();
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    return {saved[0].exp().sub_(saved[1]).mul_(gradients.front()), at::Tensor()};
  }
};

// Log-probabilities of the tokens `ids` (N, K) and, in the last column, of all others together.
at::Tensor lumped(const at::Tensor& logits, const at::Tensor& ids) {
  const double none = -std::numeric_limits<double>::infinity();
  const at::Tensor others =
      at::logsumexp(logits.scatter(1, ids, at::Scalar(none)), {1}, /*keepdim=*/true);
  const at::Tensor all = at::logsumexp(logits, {1}, /*keepdim=*/true);
  return at::cat({logits.gather(1, ids), others}, 1) - all;
}

at::Tensor scaled(const at::Tensor& logits, const KlOptions& options) {
  return options.temperature == 1 ? logits : logits / options.temperature;
}

double parse_weight(std::string_view text, std::string_view item, std::string_view option) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  LINSCAN_CHECK(error == std::errc() && end == text.data() + text.size() && std::isfinite(value) &&
                    value >= 0,
                kUsage,
                "--loss {}: '{}' must be NAME=WEIGHT with a weight of at least 0",
                option,
                item);
  return value;
}

Member member_of(std::string_view name, std::string_view option) {
  for (const auto& [known, member] : kLosses) {
    if (known == name) {
      return member;
    }
  }
  fail(ErrorKind::kUsage,
       "--loss {}: unknown loss '{}'; expected kl, mse, cosine or ce",
       option,
       name);
}

}  // namespace

DistillationWeights parse_distillation_weights(std::string_view text) {
  DistillationWeights weights{0, 0, 0, 0};
  std::string seen = ",";
  std::string_view rest = text;
  while (true) {
    const size_t comma = rest.find(',');
    const std::string_view item = rest.substr(0, comma);
    const size_t equals = item.find('=');
    const std::string_view name = item.substr(0, equals);
    const Member member = member_of(name, text);
    const std::string mark = fmt::format(",{},", name);
    LINSCAN_CHECK(
        seen.find(mark) == std::string::npos, kUsage, "--loss {}: '{}' is given twice", text, name);
    seen += mark.substr(1);
    weights.*member = parse_weight(
        equals == std::string_view::npos ? std::string_view() : item.substr(equals + 1),
        item,
        text);
    if (comma == std::string_view::npos) {
      break;
    }
    rest.remove_prefix(comma + 1);
  }
  LINSCAN_CHECK(weights.predicts() || weights.compares_states(),
                kUsage,
                "--loss {}: all weights are 0, so nothing would be trained",
                text);
  return weights;
}

std::string to_string(const DistillationWeights& weights) {
  std::string text;
  for (const auto& [name, member] : kLosses) {
    if (weights.*member > 0) {
      text += fmt::format("{}{}={}", text.empty() ? "" : ",", name, weights.*member);
    }
  }
  return text;
}

at::Tensor kl_divergence(const at::Tensor& teacher,
                         const at::Tensor& student,
                         const KlOptions& options) {
  if (options.top_k > 0 && options.top_k < teacher.size(1)) {
    return kl_from_top(top_predictions(teacher, options), student, options);
  }
  return KlDivergence::apply(scaled(student, options), scaled(teacher.detach(), options)) *
         (options.temperature * options.temperature);
}

TopPredictions top_predictions(const at::Tensor& logits, const KlOptions& options) {
  const at::Tensor t = scaled(logits.detach(), options);
  const at::Tensor ids = std::get<1>(t.topk(options.top_k, 1, true, /*sorted=*/false));
  return {ids, lumped(t, ids)};
}

at::Tensor kl_from_top(const TopPredictions& teacher,
                       const at::Tensor& student,
                       const KlOptions& options) {
  const at::Tensor target = teacher.log_probabilities.to(student.options().requires_grad(false));
  const at::Tensor own = lumped(scaled(student, options), teacher.ids.to(student.device()));
  return (target.exp() * (target - own)).sum() * (options.temperature * options.temperature);
}

at::Tensor mean_square_distance(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).square().sum() / static_cast<double>(a.size(1));
}

}  // namespace linscan
