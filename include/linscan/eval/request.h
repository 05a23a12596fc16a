// What a model is asked: how likely are the last tokens of a sequence, given those before them.
#pragma once

#include <cstdint>
#include <vector>

namespace linscan {

struct ScoreRequest {
  std::vector<int32_t> ids;   // at least 2; the last one is predicted, never fed
  int64_t scored = 0;         // 1 .. ids.size() - 1: predictions that count, the last ones
  bool wants_greedy = false;  // ScoredRequest::greedy is asked for: another pass over the logits
};

struct ScoredRequest {
  double log_likelihood = 0;  // sum over the scored positions, natural logarithm
  bool greedy = false;        // every scored token is the most likely one at its place; false where
                              // it was not asked for
};

}  // namespace linscan
