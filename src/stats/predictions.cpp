#include "linscan/stats/predictions.h"

#include <ATen/ATen.h>

namespace linscan {
namespace {

// What both functions need of a model, from its log-probabilities (N, V) fp32.
PredictionRows likelihoods(const at::Tensor& log_probabilities,
                           const at::Tensor& most_likely,
                           const at::Tensor& targets) {
  PredictionRows rows;
  rows.log_likelihood =
      log_probabilities.gather(1, targets.unsqueeze(1)).squeeze(1).to(at::kDouble);
  rows.greedy = most_likely == targets;
  return rows;
}

}  // namespace

PredictionRows score_predictions(const at::Tensor& logits, const at::Tensor& targets) {
  // The maximum is taken of the rounded log-probabilities, as lm-evaluation-harness does: there
  // more tokens are equal than in the logits.
  const at::Tensor log_probabilities = at::log_softmax(logits, -1, at::kFloat);
  return likelihoods(log_probabilities, log_probabilities.argmax(-1), targets);
}

PredictionRows score_predictions(const at::Tensor& logits,
                                 const at::Tensor& targets,
                                 const at::Tensor& rows,
                                 bool with_greedy) {
  const at::Tensor log_probabilities = at::log_softmax(logits, -1, at::kFloat);
  const at::Tensor places = rows * logits.size(1) + targets;
  PredictionRows scored;
  scored.log_likelihood = log_probabilities.flatten().index_select(0, places).to(at::kDouble);
  if (with_greedy) {
    scored.greedy = log_probabilities.argmax(-1).index_select(0, rows) == targets;
  }
  return scored;
}

PredictionRows compare_predictions(const at::Tensor& reference,
                                   const at::Tensor& logits,
                                   const at::Tensor& targets) {
  const at::Tensor theirs = at::log_softmax(reference, -1, at::kFloat);
  const at::Tensor ours = at::log_softmax(logits, -1, at::kFloat);
  const at::Tensor most_likely = ours.argmax(-1);
  PredictionRows rows = likelihoods(ours, most_likely, targets);
  rows.agrees = theirs.argmax(-1) == most_likely;
  // A token that the reference excludes (probability 0) adds nothing, whatever the model says.
  const at::Tensor probabilities = theirs.exp();
  rows.kl = (probabilities * (theirs - ours))
                .masked_fill_(probabilities == 0, 0)
                .sum(-1, /*keepdim=*/false, at::kDouble);
  return rows;
}

}  // namespace linscan
