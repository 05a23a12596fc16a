// The paper's regulariser (section 4): neighbouring states of the residual stream are pulled
// together, or pushed apart. Needs libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>
#include <vector>

namespace linscan {

enum class RegularizerKind {
  kNone,
  kCosine,  // 1 - cos(h_i, h_{i-1})
  kMse,     // ||h_i - h_{i-1}||^2
};

RegularizerKind parse_regularizer(std::string_view text);  // "none", "cosine", "mse"; Error(kUsage)
std::string_view name(RegularizerKind kind);

// What the paper leaves open is explicit here. The defaults are its formulas read literally, with a
// mean over tokens: the sum over blocks, the embedding counted as a state, the state after the last
// block as it stands in the stream.
struct RegularizerOptions {
  RegularizerKind kind = RegularizerKind::kNone;
  double lambda = 0.5;
  bool push_apart = false;          // the sign: lambda times minus the term
  bool mean_over_pairs = false;     // else the sum over pairs of neighbours
  bool mean_over_features = false;  // kMse: the mean of squares instead of their sum
  bool embedding = true;            // resid_pre.0 enters
  bool post_norm =
      false;  // the last state is the one after the final norm (HF's hidden_states[-1])

  bool operator==(const RegularizerOptions&) const = default;
};

// The mean over tokens of the term, lambda and sign included: a scalar fp32 that gradients flow
// through. stream  resid_pre.0, resid_post.0 .. resid_post.{L-1} (N, C) fp32; normed  (N, C), used
// with post_norm only.
at::Tensor regularizer(const std::vector<at::Tensor>& stream,
                       const at::Tensor& normed,
                       const RegularizerOptions& options);

}  // namespace linscan
