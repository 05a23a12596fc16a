// What a linear classifier reads off the states of each block: probing (figure 5 of the paper).
#pragma once

#include <cstdint>
#include <string>

#include "linscan/base/json.h"
#include "linscan/model/model.h"
#include "linscan/text/labelled.h"

namespace linscan {

struct ProbeOptions {
  int64_t folds = 5;
  uint64_t seed = 0;
  int64_t context = 512;
  std::string dtype = "auto";
  std::string device = "auto";
  int64_t memory_limit = 0;  // bytes; 0: four fifths of what is free
};

// Adds "probe" to every block of `result`, a document of analyze() for the same model, and to the
// document itself. One pass over the texts; of each block the state of the last token after it is
// kept. A logistic regression (fit_logistic, its default ridge) is fitted to K - 1 folds and names
// the classes of the other one: "accuracy" is the share of right ones over all folds, "stderr" its
// binomial standard error. Texts that share a passage are in one fold. Throws Error(kInput) where
// there are fewer passages than folds, and for preferences, which have no classes.
void add_probe(const Model& model,
               const LabelledTexts& texts,
               const LabelledFile& file,
               const ProbeOptions& options,
               Json& result);

}  // namespace linscan
