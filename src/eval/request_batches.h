// Requests packed into batches of windows, what they have in common once.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "linscan/eval/request.h"

namespace linscan {

// A prediction that counts: the token `target` behind row `row` of a batch.
struct ScoredPlace {
  int64_t row;
  int32_t target;
  int64_t request;
};

struct RequestBatch {
  std::vector<int32_t> ids;         // of all rows
  std::vector<int64_t> lengths;     // of the windows, as BatchLayout takes them
  std::vector<int64_t> prefixes;    // the same
  std::vector<ScoredPlace> places;  // by row
};

// batch_rows  a batch has at most so many, unless one request alone has more. may_share  whether a
// request whose input has this length may share its beginning with others. Equal inputs are fed
// once in any case. The same requests always give the same batches; longest first.
std::vector<RequestBatch> make_batches(std::span<const ScoreRequest> requests,
                                       int64_t batch_rows,
                                       const std::function<bool(int64_t length)>& may_share);

}  // namespace linscan
