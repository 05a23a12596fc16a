// The end of a search: the sets that came out close to one another, compared on more text.
//
// A search fits every trial to little text and measures it on one part of the calibration text, so
// that many can be tried; sets a few hundredths of a nat apart change places on more of it. Those
// few are fitted once for every part, to all calibration text but that part, and measured on it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/edit/edit_data.h"
#include "linscan/edit/selection.h"
#include "linscan/edit/variants.h"
#include "linscan/model/model.h"

namespace linscan {

// Blocks edited in one way.
struct Candidate {
  Recipe recipe;
  std::vector<int64_t> blocks;  // ascending
};

struct Finalist {
  Candidate candidate;
  Measure measure;  // over all parts of the calibration text
};

// The sets of `count` blocks, of all searches, whose cross-entropy is within 0.1 nats of the lowest
// one: at most 8, best first.
std::vector<Candidate> close_candidates(std::span<const Search> searches, int64_t count);

// The candidates, measured by cross-validation over the calibration text, best first. Where that is
// one window of text, they are fitted to it and measured on it.
std::vector<Finalist> cross_validate(const Model& model,
                                     const EditWindows& windows,
                                     std::span<const Candidate> candidates,
                                     const VariantOptions& options);

Json to_json(const Finalist& finalist);

}  // namespace linscan
