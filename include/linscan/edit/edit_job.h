// `linscan prune` and `linscan linearize` as functions: choose blocks and method, fit, describe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/edit/edit_data.h"
#include "linscan/edit/finalists.h"
#include "linscan/edit/plan.h"
#include "linscan/edit/selection.h"
#include "linscan/edit/variants.h"
#include "linscan/model/model.h"

namespace linscan {

struct EditRequest {
  // What to try. Of more than one, or with `try_targets`, the one with the lowest cross-entropy on
  // calibration text that it was not fitted to is taken.
  std::vector<Recipe> recipes;
  bool try_targets = false;     // every recipe that fits maps, towards dense and own targets
  std::vector<int64_t> blocks;  // explicit; empty: `count` blocks by `criterion`
  int64_t count = 0;
  Criterion criterion = Criterion::kLoss;
  bool rescore = false;  // score the blocks that are left anew after each one
  int64_t beam = 1;
  int64_t search_tokens = 0;  // most tokens that a search fits on; 0: 4,096, or 16 for each unknown
  int64_t folds = 5;          // of held-out scores
  uint64_t seed = 0;
  VariantOptions variants;
};

// What was decided, and how.
struct EditDecision {
  Recipe recipe;
  std::vector<int64_t> blocks;      // ascending
  std::vector<Search> searches;     // by loss, one for each recipe
  std::vector<Finalist> finalists;  // best first; empty where there was nothing to compare
  std::vector<double> scores;       // of every block, where they were chosen by a score
  std::string protected_blocks;     // why some blocks could not be chosen; empty where all could
};

EditDecision decide(const Model& model, const EditWindows& windows, const EditRequest& request);

// By loss, for each number of blocks from 1 to `request.count`, from one search (which the
// decisions do not hold).
std::vector<EditDecision> decide_every_count(const Model& model,
                                             const EditWindows& windows,
                                             const EditRequest& request);

// Calibration tokens that a plan asks for: 50 for each unknown, and 16,384 at least.
int64_t default_edit_tokens(const DecoderConfig& config, const EditPlan& plan);
// The same where any of these recipes may be taken.
int64_t default_edit_tokens(const DecoderConfig& config, std::span<const Recipe> recipes);

// A warning where a plan's fits have fewer than 10 tokens for each unknown; empty otherwise.
std::string token_warning(const DecoderConfig& config, const EditPlan& plan, int64_t fit_tokens);

// "blocks" of a result: what became of every block of the source.
Json describe_blocks(const DecoderConfig& source, const EditPlan& plan, const Variant& edited);

Json to_json(const FitRecord& fit);

// Stored numbers of an edited model.
int64_t count_parameters(const EditedModel& model);

}  // namespace linscan
