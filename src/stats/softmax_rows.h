// One row of logits on a CPU: what normalizes it, and what is asked of its softmax, without ever
// writing the probabilities down. A log-probability is (x - highest) - log_sum in fp32, rounded
// twice in this order, as libtorch's log_softmax rounds it.
#pragma once

#include <cstdint>
#include <span>

namespace linscan {

struct RowNormalizer {
  float highest = 0;
  float log_sum = 0;  // of exp(x - highest); NaN where the row holds a NaN or nothing finite at top

  float log_probability(float x) const { return (x - highest) - log_sum; }
};

RowNormalizer normalize_row(std::span<const float> logits);

// The first index whose log-probability is that of the highest logit; the size where log_sum is
// NaN. Rounding makes more tokens equal than the logits are.
int64_t most_likely(std::span<const float> logits, const RowNormalizer& normalizer);

// KL(reference || row) in nats, from the log-probabilities of the reference. Where those are below
// -87, a probability of 1e-38, nothing is added, whatever the row says.
double row_divergence(std::span<const float> reference,
                      std::span<const float> logits,
                      const RowNormalizer& normalizer);

}  // namespace linscan
