#include "linscan/edit/finalists.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace linscan {
namespace {

constexpr double kClose = 0.1;  // nats per token
constexpr size_t kMostFinalists = 8;

// One measure of the parts together; their errors are of different windows, so independent.
Measure pooled(std::span<const Measure> parts) {
  Measure all;
  for (const Measure& part : parts) {
    all.tokens += part.tokens;
  }
  const auto mean = [&](double Measure::* value, double Measure::* error) {
    double sum = 0, squares = 0;
    for (const Measure& part : parts) {
      const double share = static_cast<double>(part.tokens) / static_cast<double>(all.tokens);
      sum += share * part.*value;
      squares += share * share * part.*error * part.*error;
    }
    all.*value = sum;
    all.*error = std::sqrt(squares);
  };
  if (all.tokens > 0) {
    mean(&Measure::cross_entropy, &Measure::cross_entropy_error);
    mean(&Measure::kl, &Measure::kl_error);
    mean(&Measure::top1, &Measure::top1_error);
  }
  return all;
}

}  // namespace

std::vector<Candidate> close_candidates(std::span<const Search> searches, int64_t count) {
  struct Tried {
    const Search* search;
    const Trial* trial;
  };
  std::vector<Tried> tried;
  for (const Search& search : searches) {
    for (const Trial& trial : search.rounds[static_cast<size_t>(count - 1)].trials) {
      tried.push_back({&search, &trial});
    }
  }
  const auto loss = [](const Tried& one) { return one.trial->measure.cross_entropy; };
  std::ranges::stable_sort(tried, {}, loss);
  std::vector<Candidate> close;
  for (const Tried& one : tried) {
    if (close.size() < kMostFinalists && loss(one) <= loss(tried.front()) + kClose) {
      close.push_back({one.search->recipe, one.trial->blocks});
    }
  }
  return close;
}

std::vector<Finalist> cross_validate(const Model& model,
                                     const EditWindows& windows,
                                     std::span<const Candidate> candidates,
                                     const VariantOptions& options) {
  std::vector<EditPlan> plans;
  for (const Candidate& candidate : candidates) {
    plans.push_back(candidate.recipe.on(candidate.blocks));
  }
  VariantOptions measured = options;
  measured.keep_weights = false;
  std::vector<std::vector<Measure>> parts(candidates.size());
  for (int64_t fold = 0; fold < windows.folds(); ++fold) {
    measured.progress = fmt::format("compare finalists, part {} of {}", fold + 1, windows.folds());
    const VariantRun run = run_variants(model, windows.for_fold(fold), plans, measured);
    for (size_t i = 0; i < parts.size(); ++i) {
      parts[i].push_back(run.variants[i].measure);
    }
  }
  std::vector<Finalist> finalists;
  finalists.reserve(parts.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    finalists.push_back({candidates[i], pooled(parts[i])});
  }
  std::ranges::stable_sort(
      finalists, {}, [](const Finalist& one) { return one.measure.cross_entropy; });
  return finalists;
}

Json to_json(const Finalist& finalist) {
  Json json = {{"recipe", finalist.candidate.recipe.label()},
               {"blocks", finalist.candidate.blocks}};
  json.update(to_json(finalist.measure));
  return json;
}

}  // namespace linscan
