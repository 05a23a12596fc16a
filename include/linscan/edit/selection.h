// Which blocks to edit: by the loss with the edit in place, or by a score of the blocks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/edit/plan.h"
#include "linscan/edit/variants.h"

namespace linscan {

enum class Criterion {
  kLoss,       // greedy: the block whose edit, fitted and in place, leaves the lowest cross-entropy
  kLinearity,  // held-out R^2 of the stream, the highest first (paper section 5)
  kUpdate,     // held-out R^2 of the update, the highest first
  kCosine,     // mean cosine of a block's input and output, the highest first (block influence)
  kAngular,    // the window of blocks with the smallest angular distance across it (2403.17887)
  kReverse,    // the last block first
  kRandom,
};

Criterion parse_criterion(std::string_view text, std::string_view option);
std::string_view name(Criterion criterion);
// Whether it gives every block a score of its own, which can be measured anew once others are
// edited: linearity, update, cosine.
bool scores_single_blocks(Criterion criterion);

// One way of editing: what a plan does to any set of blocks.
struct Recipe {
  Method method = Method::kRefit;
  EditPlan how;  // without operations

  EditPlan on(const std::vector<int64_t>& blocks) const;
  std::string label() const;  // "refit + sweep", "linear, own target"
};

// Blocks that the recipe can be applied to; `protected_blocks` gets the others, with one reason.
std::vector<int64_t> editable_blocks(const DecoderConfig& config,
                                     const Recipe& recipe,
                                     std::string* protected_blocks = nullptr);

// What the loss was with one set of blocks edited.
struct Trial {
  std::vector<int64_t> blocks;
  Measure measure;
};

struct Round {
  std::vector<Trial> trials;  // best first
};

struct Search {
  Recipe recipe;
  std::vector<Round> rounds;  // round k - 1 tried sets of k blocks

  const Trial& best(int64_t count) const {
    return rounds[static_cast<size_t>(count - 1)].trials.front();
  }
};

struct SearchOptions {
  int64_t count = 1;  // blocks to edit
  int64_t beam = 1;   // sets that a round hands to the next
  VariantOptions variants;
};

// For every recipe, sets of 1 .. count blocks that grow by the block that costs least. All trials
// of a round, of all recipes, go through the model together; a beam as wide as there are sets tries
// every one. A recipe that cannot edit that many
// blocks is an Error(kInput) when it is the only one, and left out otherwise.
std::vector<Search> search_by_loss(const Model& model,
                                   const EditData& data,
                                   std::span<const Recipe> recipes,
                                   const SearchOptions& options);

// The `count` blocks with the highest scores among `blocks`, in the order of their scores; ties by
// number, the deeper one first. A score that does not exist comes last.
std::vector<int64_t> highest_scores(const std::vector<double>& scores,
                                    const std::vector<int64_t>& blocks,
                                    int64_t count);

Json to_json(const Measure& measure);
Json to_json(const Search& search);

}  // namespace linscan
