#include "linscan/edit/edit_job.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "edit/scores.h"
#include "linscan/base/error.h"
#include "linscan/base/log.h"

namespace linscan {
namespace {

constexpr int64_t kWantedTokens = 50;  // for each unknown: within 5 % of much more text
constexpr int64_t kFewTokens = 10;     // below that a map can be worse than removal
constexpr int64_t kSearchTokens = 16;  // enough to tell sets of blocks apart
constexpr int64_t kLeastTokens = 16384;
constexpr int64_t kLeastSearchTokens = 4096;

std::vector<Recipe> expand_targets(const EditRequest& request) {
  std::vector<Recipe> recipes;
  for (const Recipe& recipe : request.recipes) {
    recipes.push_back(recipe);
    if (request.try_targets && fits_maps(recipe.method)) {
      recipes.push_back(recipe);
      recipes.back().how.target = Target::kOwn;
    }
  }
  return recipes;
}

// Numbers of a row of unknowns that the largest fit of any recipe solves for.
int64_t most_columns(const DecoderConfig& config, std::span<const Recipe> recipes) {
  int64_t columns = 0;
  for (const Recipe& recipe : recipes) {
    columns = std::max(columns, unknown_columns(config, recipe.on({config.blocks() - 1})));
  }
  return columns;
}

int64_t search_tokens(const DecoderConfig& config,
                      std::span<const Recipe> recipes,
                      const EditRequest& request) {
  return request.search_tokens > 0
             ? request.search_tokens
             : std::max(kLeastSearchTokens, kSearchTokens * most_columns(config, recipes));
}

// Recipes that can edit these blocks; the reason of the first that cannot.
std::vector<Recipe> possible_on(const DecoderConfig& config,
                                const std::vector<Recipe>& recipes,
                                const std::vector<int64_t>& blocks) {
  std::vector<Recipe> possible;
  for (const Recipe& recipe : recipes) {
    try {
      validate_plan(config, recipe.on(blocks));
      possible.push_back(recipe);
    } catch (const Error& error) {
      if (recipes.size() == 1) {
        throw;
      }
      log::info("{} is left out: {}", recipe.label(), error.what());
    }
  }
  LINSCAN_CHECK(!possible.empty(), kInput, "no method can edit blocks {}", format_blocks(blocks));
  return possible;
}

// One of the candidates, which are compared where there are several.
void take_best(const Model& model,
               const EditWindows& windows,
               const std::vector<Candidate>& candidates,
               const EditRequest& request,
               EditDecision& decision) {
  Candidate best = candidates.front();
  if (candidates.size() > 1) {
    decision.finalists = cross_validate(model, windows, candidates, request.variants);
    best = decision.finalists.front().candidate;
  }
  decision.recipe = std::move(best.recipe);
  decision.blocks = std::move(best.blocks);
  if (request.blocks.empty()) {
    editable_blocks(model.config, decision.recipe, &decision.protected_blocks);
  }
}

// Every recipe that can edit these blocks.
std::vector<Candidate> each_on(const DecoderConfig& config,
                               const std::vector<Recipe>& recipes,
                               std::vector<int64_t> blocks) {
  std::ranges::sort(blocks);
  std::vector<Candidate> candidates;
  for (const Recipe& recipe : possible_on(config, recipes, blocks)) {
    candidates.push_back({recipe, blocks});
  }
  return candidates;
}

std::vector<Recipe> checked_recipes(const Model& model, const EditRequest& request) {
  std::vector<Recipe> recipes = expand_targets(request);
  for (const Recipe& recipe : recipes) {
    validate_plan(model.config, recipe.how);  // what does not depend on the blocks
  }
  return recipes;
}

std::vector<Search> search(const Model& model,
                           const EditWindows& windows,
                           const std::vector<Recipe>& recipes,
                           const EditRequest& request) {
  return search_by_loss(
      model,
      windows.for_search(search_tokens(model.config, recipes, request)),
      recipes,
      {.count = request.count, .beam = request.beam, .variants = request.variants});
}

// Blocks by a score that does not depend on the recipe: one set, that every recipe can edit.
std::vector<int64_t> choose_for_all(const Model& model,
                                    const EditWindows& windows,
                                    const std::vector<Recipe>& recipes,
                                    const EditRequest& request,
                                    std::vector<double>& scores) {
  std::set<int64_t> editable;
  for (int64_t block = 0; block < model.config.blocks(); ++block) {
    editable.insert(block);
  }
  for (const Recipe& recipe : recipes) {
    const std::vector<int64_t> own = editable_blocks(model.config, recipe);
    std::erase_if(editable,
                  [&](int64_t block) { return std::ranges::find(own, block) == own.end(); });
  }
  return choose_by_score(model, windows, request, {editable.begin(), editable.end()}, scores);
}

}  // namespace

EditDecision decide(const Model& model, const EditWindows& windows, const EditRequest& request) {
  const std::vector<Recipe> recipes = checked_recipes(model, request);
  EditDecision decision;
  std::vector<Candidate> candidates;
  if (!request.blocks.empty()) {
    candidates = each_on(model.config, recipes, request.blocks);
  } else if (request.criterion == Criterion::kLoss) {
    decision.searches = search(model, windows, recipes, request);
    candidates = close_candidates(decision.searches, request.count);
  } else {
    candidates = each_on(
        model.config, recipes, choose_for_all(model, windows, recipes, request, decision.scores));
  }
  take_best(model, windows, candidates, request, decision);
  return decision;
}

std::vector<EditDecision> decide_every_count(const Model& model,
                                             const EditWindows& windows,
                                             const EditRequest& request) {
  const std::vector<Search> searches =
      search(model, windows, checked_recipes(model, request), request);
  std::vector<EditDecision> decisions(static_cast<size_t>(request.count));
  for (int64_t count = 1; count <= request.count; ++count) {
    take_best(model,
              windows,
              close_candidates(searches, count),
              request,
              decisions[static_cast<size_t>(count - 1)]);
  }
  return decisions;
}

int64_t default_edit_tokens(const DecoderConfig& config, const EditPlan& plan) {
  return std::max(kLeastTokens, kWantedTokens * unknown_columns(config, plan));
}

int64_t default_edit_tokens(const DecoderConfig& config, std::span<const Recipe> recipes) {
  return std::max(kLeastTokens, kWantedTokens * most_columns(config, recipes));
}

std::string token_warning(const DecoderConfig& config, const EditPlan& plan, int64_t fit_tokens) {
  const int64_t columns = unknown_columns(config, plan);
  if (columns == 0 || fit_tokens >= kFewTokens * columns) {
    return "";
  }
  return fmt::format(
      "only {:.1f} calibration tokens for each of the {} unknowns of a fit: below {} the result "
      "can "
      "be worse than plain removal; give at least {} tokens, better {}",
      static_cast<double>(fit_tokens) / static_cast<double>(columns),
      columns,
      kFewTokens,
      kFewTokens * columns,
      kWantedTokens * columns);
}

Json describe_blocks(const DecoderConfig& source, const EditPlan& plan, const Variant& edited) {
  Json list = Json::array();
  for (int64_t block = 0; block < source.blocks(); ++block) {
    const auto place = std::ranges::find(edited.model.blocks, block);
    Json becomes = nullptr;
    std::string action = "removed";
    if (place != edited.model.blocks.end()) {
      becomes = place - edited.model.blocks.begin();
      action = "kept";
      for (const FitRecord& fit : edited.fits) {
        if (fit.block == block) {
          action = fit.method == Method::kLinear            ? "linear"
                   : fit.method == Method::kLinearAttention ? "linear attention"
                                                            : "projection solved";
        }
      }
    }
    for (const Operation& operation : plan.operations) {
      if (block < operation.begin || block >= operation.end) {
        continue;
      }
      if (operation.method == Method::kNoAttention) {
        action = "no attention";
      } else if (operation.method == Method::kLinear && block > operation.begin) {
        action = fmt::format("replaced by the linear block {}", operation.begin);
      }
    }
    list.push_back({{"block", block}, {"action", action}, {"becomes", becomes}});
  }
  return list;
}

Json to_json(const FitRecord& fit) {
  return {{"method", name(fit.method)},
          {"begin", fit.begin},
          {"end", fit.end},
          {"block", fit.block},
          {"tokens", fit.tokens},
          {"unknowns", fit.unknowns},
          {"rank", fit.rank},
          {"unexplained", number_or_null(fit.unexplained)}};
}

int64_t count_parameters(const EditedModel& model) {
  const WeightMap& map = model.source->weights;
  int64_t count = 0;
  std::set<const TensorView*> seen;  // a tied head is one tensor
  const auto add_block = [&](int64_t block, const BlockConfig& config) {
    for (const auto& [key, weight] : map.all()) {
      if (key.block == block && form_has(model.config, config, key.slot) &&
          !model.weights.contains(key) && seen.insert(weight.tensor).second) {
        count += weight.tensor->elements();
      }
    }
  };
  add_block(kOutsideBlocks, {});
  for (size_t i = 0; i < model.blocks.size(); ++i) {
    add_block(model.blocks[i], model.config.per_block[i]);
  }
  for (const auto& [key, weight] : model.weights) {
    count += weight.numel();
  }
  return count;
}

}  // namespace linscan
