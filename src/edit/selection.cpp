#include "linscan/edit/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "linscan/base/choice.h"
#include "linscan/base/error.h"
#include "linscan/base/log.h"

namespace linscan {
namespace {

constexpr Choices<Criterion, 7> kCriteria = {{{Criterion::kLoss, "loss"},
                                              {Criterion::kLinearity, "linearity"},
                                              {Criterion::kUpdate, "update"},
                                              {Criterion::kCosine, "cosine"},
                                              {Criterion::kAngular, "angular"},
                                              {Criterion::kReverse, "reverse"},
                                              {Criterion::kRandom, "random"}}};

using BlockNumbers = std::vector<int64_t>;  // ascending

// One set of one recipe, as a plan of a round.
struct Planned {
  size_t recipe;
  BlockNumbers blocks;
};

std::vector<EditPlan> plans_of(const std::vector<Planned>& planned,
                               std::span<const Recipe> recipes) {
  std::vector<EditPlan> plans;
  for (const Planned& item : planned) {
    plans.push_back(recipes[item.recipe].on(item.blocks));
  }
  return plans;
}

// Runs the sets of a round and sorts them, by recipe.
std::vector<Round> run_round(const Model& model,
                             const EditData& data,
                             std::span<const Recipe> recipes,
                             const std::vector<Planned>& planned,
                             const VariantOptions& options) {
  VariantOptions measured = options;
  measured.keep_weights = false;
  const VariantRun run = run_variants(model, data, plans_of(planned, recipes), measured);
  std::vector<Round> rounds(recipes.size());
  for (size_t i = 0; i < planned.size(); ++i) {
    rounds[planned[i].recipe].trials.push_back({planned[i].blocks, run.variants[i].measure});
  }
  for (Round& round : rounds) {
    std::ranges::stable_sort(
        round.trials, {}, [](const Trial& trial) { return trial.measure.cross_entropy; });
  }
  return rounds;
}

// All sets of one block more than the best ones of the round before.
std::vector<BlockNumbers> grow(const std::vector<Trial>& best,
                               const std::vector<int64_t>& editable,
                               int64_t beam) {
  std::set<BlockNumbers> sets;
  for (size_t i = 0; i < best.size() && i < static_cast<size_t>(beam); ++i) {
    for (const int64_t block : editable) {
      BlockNumbers grown = best[i].blocks;
      if (std::ranges::find(grown, block) == grown.end()) {
        grown.insert(std::ranges::upper_bound(grown, block), block);
        sets.insert(std::move(grown));
      }
    }
  }
  return {sets.begin(), sets.end()};
}

// A set may be impossible although each of its blocks is editable.
bool is_possible(const DecoderConfig& config, const EditPlan& plan) {
  try {
    validate_plan(config, plan);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

Criterion parse_criterion(std::string_view text, std::string_view option) {
  return parse_choice(kCriteria, text, option);
}

std::string_view name(Criterion criterion) {
  return choice_name(kCriteria, criterion);
}

bool scores_single_blocks(Criterion criterion) {
  return criterion == Criterion::kLinearity || criterion == Criterion::kUpdate ||
         criterion == Criterion::kCosine;
}

EditPlan Recipe::on(const std::vector<int64_t>& blocks) const {
  EditPlan plan = how;
  plan.operations = operations_on(blocks, method);
  return plan;
}

std::string Recipe::label() const {
  return fmt::format("{}{}{}",
                     name(method),
                     how.sweep && replaces_down_projection(method) ? " + sweep" : "",
                     how.target == Target::kOwn ? ", own target" : "");
}

std::vector<int64_t> editable_blocks(const DecoderConfig& config,
                                     const Recipe& recipe,
                                     std::string* protected_blocks) {
  std::vector<int64_t> blocks;
  for (int64_t block = 0; block < config.blocks(); ++block) {
    const std::string reason = why_illegal(config, {recipe.method, block, block + 1});
    if (reason.empty()) {
      blocks.push_back(block);
    } else if (protected_blocks != nullptr && protected_blocks->empty()) {
      *protected_blocks = reason;
    }
  }
  return blocks;
}

std::vector<Search> search_by_loss(const Model& model,
                                   const EditData& data,
                                   std::span<const Recipe> recipes,
                                   const SearchOptions& options) {
  std::vector<Search> searches(recipes.size());
  std::vector<std::vector<int64_t>> editable;
  for (size_t i = 0; i < recipes.size(); ++i) {
    searches[i].recipe = recipes[i];
    std::string reason;
    editable.push_back(editable_blocks(model.config, recipes[i], &reason));
    const bool enough = static_cast<int64_t>(editable[i].size()) >= options.count;
    LINSCAN_CHECK(enough || recipes.size() > 1,
                  kInput,
                  "{} cannot edit {} of {} blocks: {}",
                  recipes[i].label(),
                  options.count,
                  model.config.blocks(),
                  reason);
    if (!enough) {
      log::info("{} is left out: {}", recipes[i].label(), reason);
    }
  }
  for (int64_t count = 1; count <= options.count; ++count) {
    std::vector<Planned> planned;
    for (size_t i = 0; i < recipes.size(); ++i) {
      if (static_cast<int64_t>(editable[i].size()) < options.count) {
        continue;
      }
      const std::vector<Trial> start =
          count == 1 ? std::vector<Trial>{{}} : searches[i].rounds.back().trials;
      for (BlockNumbers& blocks : grow(start, editable[i], options.beam)) {
        if (is_possible(model.config, recipes[i].on(blocks))) {
          planned.push_back({i, std::move(blocks)});
        }
      }
    }
    VariantOptions variants = options.variants;
    variants.progress = fmt::format("choose block {} of {}", count, options.count);
    const std::vector<Round> rounds = run_round(model, data, recipes, planned, variants);
    for (size_t i = 0; i < recipes.size(); ++i) {
      if (!rounds[i].trials.empty()) {
        searches[i].rounds.push_back(rounds[i]);
      }
    }
  }
  std::erase_if(searches, [&](const Search& search) {
    return static_cast<int64_t>(search.rounds.size()) < options.count;
  });
  LINSCAN_CHECK(!searches.empty(),
                kInput,
                "{} blocks cannot be edited by any of the methods tried",
                options.count);
  return searches;
}

std::vector<int64_t> highest_scores(const std::vector<double>& scores,
                                    const std::vector<int64_t>& blocks,
                                    int64_t count) {
  LINSCAN_CHECK(static_cast<int64_t>(blocks.size()) >= count,
                kInput,
                "{} blocks are asked for, but only {} can be edited by this method",
                count,
                blocks.size());
  const auto key = [&](int64_t block) {
    const double score = scores[static_cast<size_t>(block)];
    return std::pair(std::isnan(score) ? std::numeric_limits<double>::infinity() : -score, -block);
  };
  std::vector<int64_t> order = blocks;
  std::ranges::sort(order, {}, key);
  order.resize(static_cast<size_t>(count));
  return order;
}

Json to_json(const Measure& measure) {
  if (measure.tokens == 0) {
    return nullptr;
  }
  return {{"tokens", measure.tokens},
          {"cross_entropy", measure.cross_entropy},
          {"cross_entropy_stderr", measure.cross_entropy_error},
          {"perplexity", number_or_null(measure.perplexity())},
          {"kl", measure.kl},
          {"kl_stderr", measure.kl_error},
          {"top1", measure.top1},
          {"top1_stderr", measure.top1_error}};
}

Json to_json(const Search& search) {
  Json rounds = Json::array();
  for (const Round& round : search.rounds) {
    Json trials = Json::array();
    for (const Trial& trial : round.trials) {
      trials.push_back({{"blocks", trial.blocks},
                        {"cross_entropy", trial.measure.cross_entropy},
                        {"kl", trial.measure.kl}});
    }
    rounds.push_back(std::move(trials));
  }
  return {{"recipe", search.recipe.label()}, {"rounds", std::move(rounds)}};
}

}  // namespace linscan
