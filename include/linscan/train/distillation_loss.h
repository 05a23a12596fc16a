// What a student is told by its teacher: distances between their predictions and between their
// states. Needs libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace linscan {

// Weights of the losses, at least 0; their weighted sum is minimised.
struct DistillationWeights {
  double kl = 1;             // KL(teacher || student) of the predictions, at a temperature
  double mse = 0;            // squared distance of the states after blocks (paper section 5)
  double cosine = 0;         // 1 - cosine of these states
  double cross_entropy = 0;  // of the tokens of the text

  bool predicts() const { return kl > 0 || cross_entropy > 0; }  // needs logits
  bool compares_states() const { return mse > 0 || cosine > 0; }

  bool operator==(const DistillationWeights&) const = default;
};

// "kl=1,mse=0.1,ce=0": names kl, mse, cosine and ce; those not named are 0. Throws Error(kUsage)
// for anything else, a name given twice, and where all are 0.
DistillationWeights parse_distillation_weights(std::string_view text);
std::string to_string(const DistillationWeights& weights);

struct KlOptions {
  double temperature = 1;  // T: both models' logits are divided by it
  // 0: all tokens. Else the K likeliest tokens of the teacher in each row, and all others lumped
  // into one: a lower bound of the whole KL whose minimum still has the teacher's mass on the rest.
  int64_t top_k = 0;

  bool operator==(const KlOptions&) const = default;
};

// T^2 times the sum over rows of KL(softmax(teacher / T) || softmax(student / T)), nats: a scalar
// whose gradient, to `student` only, is of the same size at every T (Hinton et al. 2015).
// teacher, student  (N, V) floating, of one dtype.
at::Tensor kl_divergence(const at::Tensor& teacher,
                         const at::Tensor& student,
                         const KlOptions& options);

// What a teacher predicts in each row: its K likeliest tokens, and all others together.
struct TopPredictions {
  at::Tensor ids;                // (N, K) int64, in no order
  at::Tensor log_probabilities;  // (N, K + 1) at a temperature; the last column: all others
};

// Of logits (N, V) floating; 0 < options.top_k < V.
TopPredictions top_predictions(const at::Tensor& logits, const KlOptions& options);

// kl_divergence with options.top_k, of a teacher whose top_predictions these are.
at::Tensor kl_from_top(const TopPredictions& teacher,
                       const at::Tensor& student,
                       const KlOptions& options);

// The sum over rows of the mean over features of (a - b)^2. a, b  (N, C) floating.
at::Tensor mean_square_distance(const at::Tensor& a, const at::Tensor& b);

}  // namespace linscan
