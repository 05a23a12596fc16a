// Log-likelihoods of many requests in one pass over a model's weights. Needs libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "linscan/eval/request.h"
#include "linscan/model/config.h"
#include "linscan/model/weights.h"

namespace linscan {

struct ScorerOptions {
  int64_t memory_limit = 0;  // bytes of host memory for all that the scorer holds; 0: four fifths
                             // of what is free
  int64_t batch_rows = 0;    // tokens that go through a block together; 0: chosen by device
};

// What two models said about one request.
struct ComparedRequest {
  ScoredRequest score;     // of the model that is judged
  double kl = 0;           // sum over the scored positions of KL(reference || model)
  int64_t agreements = 0;  // positions where both have the same most likely token
};

class DecoderPass;  // private: src/eval/decoder_pass.h

// Requests are independent: what stands in the same batch does not change a score beyond the
// rounding of fp32. Requests that begin with the same tokens share them: they are fed once and the
// rest of each attends to them. A pass goes block by block: all rows of a round through one block
// before the next is loaded, so weights are read once a round; blocks that fit in memory together
// are kept.
class Scorer {
 public:
  // config and loader must outlive the scorer; the loader may hold edited weights.
  Scorer(const DecoderConfig& config, const WeightLoader& loader, ScorerOptions options = {});
  ~Scorer();
  Scorer(const Scorer&) = delete;
  Scorer& operator=(const Scorer&) = delete;

  // One result for each request, in their order. Ids must be below the vocabulary. Throws
  // Error(kNumeric) for weights that are not finite, Error(kInput) where the memory limit does not
  // allow a single request, and Interrupted.
  std::vector<ScoredRequest> score(std::span<const ScoreRequest> requests);

  // The same requests through both models; they must have the same vocabulary.
  static std::vector<ComparedRequest> compare(Scorer& reference,
                                              Scorer& model,
                                              std::span<const ScoreRequest> requests);

  // Tokens that were fed by the last call, shared ones once.
  int64_t rows_fed() const { return rows_fed_; }

 private:
  std::unique_ptr<DecoderPass> pass_;
  int64_t rows_fed_ = 0;
};

}  // namespace linscan
