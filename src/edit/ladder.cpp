#include "linscan/edit/ladder.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/base/log.h"
#include "linscan/eval/scorer.h"

namespace linscan {
namespace {

// One step of one line of the ladder.
struct Rung {
  const Recipe* recipe;
  Criterion criterion;
  int64_t count;
  std::vector<int64_t> blocks;
};

// Sets of 1 .. deepest blocks by one criterion.
std::vector<Rung> find_rungs(const Model& model,
                             const EditWindows& windows,
                             const LadderRequest& request,
                             const Recipe& recipe,
                             Criterion criterion) {
  EditRequest search = request.search;
  search.recipes = {recipe};
  search.criterion = criterion;
  std::vector<Rung> rungs;
  if (criterion == Criterion::kLoss) {
    search.count = request.deepest;
    int64_t count = 0;
    for (const EditDecision& decision : decide_every_count(model, windows, search)) {
      rungs.push_back({&recipe, criterion, ++count, decision.blocks});
    }
    return rungs;
  }
  for (search.count = 1; search.count <= request.deepest; ++search.count) {
    rungs.push_back({&recipe, criterion, search.count, decide(model, windows, search).blocks});
  }
  return rungs;
}

Json score_tasks(const LadderRequest& request,
                 const DecoderConfig& config,
                 const WeightLoader& loader) {
  Scorer scorer(config, loader, {.memory_limit = request.search.variants.memory_limit});
  return request.tasks->summarize(scorer.score(request.tasks->requests()), nullptr);
}

}  // namespace

Json climb_ladder(const Model& model, const EditWindows& windows, const LadderRequest& request) {
  std::vector<Rung> rungs;
  Json left_out = Json::array();
  for (const Recipe& recipe : request.recipes) {
    for (const Criterion criterion : request.criteria) {
      try {
        std::ranges::move(find_rungs(model, windows, request, recipe, criterion),
                          std::back_inserter(rungs));
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kInput && error.kind() != ErrorKind::kUnsupported) {
          throw;
        }
        log::warn("{} by {} is left out: {}", recipe.label(), name(criterion), error.what());
        left_out.push_back(
            {{"recipe", recipe.label()}, {"by", name(criterion)}, {"reason", error.what()}});
      }
    }
  }
  LINSCAN_CHECK(!rungs.empty(), kInput, "no step of the ladder can be done to this model");
  std::vector<EditPlan> plans;
  for (const Rung& rung : rungs) {
    plans.push_back(rung.recipe->on(rung.blocks));
  }
  VariantOptions options = request.search.variants;
  options.progress = "ladder";
  const VariantRun run = run_variants(model, windows.for_edit(), plans, options);

  Json result = {{"dense", to_json(run.unedited)}};
  result["dense"]["parameters"] = model.weights.parameters();
  if (request.tasks != nullptr) {
    const WeightLoader loader(model.weights, model.config, options.compute_dtype, options.device);
    result["dense"]["tasks"] = score_tasks(request, model.config, loader);
  }
  result["rungs"] = Json::array();
  std::map<std::string, Json> scored;  // several criteria may choose the same blocks
  for (size_t i = 0; i < rungs.size(); ++i) {
    const Variant& variant = run.variants[i];
    Json rung = {{"k", rungs[i].count},
                 {"method", rungs[i].recipe->label()},
                 {"by", name(rungs[i].criterion)},
                 {"blocks", rungs[i].blocks},
                 {"parameters", count_parameters(variant.model)}};
    rung.update(to_json(variant.measure));
    if (request.tasks != nullptr) {
      const auto [entry, is_new] = scored.try_emplace(to_json(plans[i]).dump());
      if (is_new) {
        const WeightLoader loader(variant.model, options.compute_dtype, options.device);
        entry->second = score_tasks(request, variant.model.config, loader);
      }
      rung["tasks"] = entry->second;
    }
    result["rungs"].push_back(std::move(rung));
  }
  result["left_out"] = std::move(left_out);
  return result;
}

}  // namespace linscan
