// What logits say about the next tokens, row by row: likelihood, and distance from the predictions
// of another model. Natural logarithms; a row is one predicting position.
#pragma once

#include <ATen/core/Tensor.h>

namespace linscan {

// Log-probabilities are rounded to fp32 once, by the softmax; everything behind that is fp64.
struct PredictionRows {
  at::Tensor log_likelihood;  // (N) fp64: log softmax(logits) at the target; minus it is the
                              // cross-entropy
  at::Tensor greedy;          // (N) bool: the target is the most likely token
  at::Tensor kl;      // (N) fp64: KL(reference || model), at least 0 up to rounding (about 1e-6)
  at::Tensor agrees;  // (N) bool: both models have the same most likely token
};

// logits  (N, V) floating, any device; targets  (N) int64, same device, ids of V. Of equally likely
// tokens the one with the lowest id is the most likely. `kl` and `agrees` stay undefined.
PredictionRows score_predictions(const at::Tensor& logits, const at::Tensor& targets);

// The same where several targets ask the same row: targets, rows  (M) int64, target i is scored on
// row rows[i] of the logits. M figures; `greedy` is undefined unless it is wanted.
PredictionRows score_predictions(const at::Tensor& logits,
                                 const at::Tensor& targets,
                                 const at::Tensor& rows,
                                 bool with_greedy);

// reference, logits  (N, V) floating, one device: the dense model's and the one that is judged;
// targets as above. All four members are defined.
PredictionRows compare_predictions(const at::Tensor& reference,
                                   const at::Tensor& logits,
                                   const at::Tensor& targets);

}  // namespace linscan
