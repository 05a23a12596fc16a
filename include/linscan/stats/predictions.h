// What logits say about the next tokens, row by row: likelihood, and distance from the predictions
// of another model. Natural logarithms; a row is one predicting position.
#pragma once

#include <ATen/core/Tensor.h>

namespace linscan {

// Log-probabilities are rounded to fp32, as lm-evaluation-harness rounds them; everything behind
// that is fp64. Of tokens whose log-probabilities are equal then, more than have equal logits, the
// one with the lowest id is the most likely.
struct PredictionRows {
  at::Tensor log_likelihood;  // (M) fp64: log softmax(logits) at the target; minus it is the
                              // cross-entropy
  at::Tensor greedy;          // (M) bool: the target is the most likely token
  at::Tensor kl;      // (M) fp64: KL(reference || model), at least 0 up to rounding (about 1e-6)
  at::Tensor agrees;  // (M) bool: both models have the same most likely token
};

// logits  (N, V) floating, any device; targets, rows  (M) int64, same device: target i, an id of V,
// is scored on row rows[i] of the logits. `greedy` is undefined unless it is wanted, `kl` and
// `agrees` stay undefined.
PredictionRows score_predictions(const at::Tensor& logits,
                                 const at::Tensor& targets,
                                 const at::Tensor& rows,
                                 bool with_greedy);

// The predictions that others are compared with; made once, used for any number of models.
struct ReferencePredictions {
  at::Tensor log_probabilities;  // (N, V) fp32
  at::Tensor most_likely;        // (N) int64
};

// logits  (N, V) floating, any device.
ReferencePredictions reference_predictions(const at::Tensor& logits);

// logits  (N, V) floating, of the model that is judged, on the reference's device; targets and rows
// as above. All four members are defined.
PredictionRows compare_predictions(const ReferencePredictions& reference,
                                   const at::Tensor& logits,
                                   const at::Tensor& targets,
                                   const at::Tensor& rows);

}  // namespace linscan
