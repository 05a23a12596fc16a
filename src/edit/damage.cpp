#include "linscan/edit/damage.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "edit/held_out_split.h"
#include "linscan/analyze/rank_correlation.h"
#include "linscan/edit/selection.h"

namespace linscan {
namespace {

Json damage_of(const Measure& unedited, const Measure& edited) {
  return {{"ce", edited.cross_entropy - unedited.cross_entropy},
          {"kl", edited.kl},
          {"top1", edited.top1}};
}

Json missing_damage() {
  return {{"ce", nullptr}, {"kl", nullptr}, {"top1", nullptr}};
}

}  // namespace

void add_damage(const Model& model,
                const TokenWindows& windows,
                const DamageOptions& options,
                Json& result) {
  const int64_t blocks = model.config.blocks();
  const EditData data = split_held_out(windows, options.sample_tokens, options.seed);
  const bool maps = data.fit_tokens() > model.config.hidden + 1;
  std::vector<EditPlan> plans;
  for (const Method method : {Method::kRemove, Method::kLinear}) {
    for (int64_t block = 0; block < blocks && (maps || method == Method::kRemove); ++block) {
      plans.push_back(Recipe{method, {}}.on({block}));
    }
  }
  VariantOptions variants = options.variants;
  variants.progress = "damage";
  variants.keep_weights = false;
  // A model of one block has nothing left without it.
  const bool removable = blocks > 1;
  const VariantRun run =
      run_variants(model, data, std::span(plans).subspan(removable ? 0 : 1), variants);
  const auto measure = [&](int64_t index) {
    return damage_of(run.unedited,
                     run.variants[static_cast<size_t>(index - (removable ? 0 : 1))].measure);
  };
  for (int64_t block = 0; block < blocks; ++block) {
    Json& entry = result["blocks"][static_cast<size_t>(block)];
    entry["damage"] = {{"remove", removable ? measure(block) : missing_damage()},
                       {"linear", maps ? measure(blocks + block) : missing_damage()}};
    const auto note = [&](const char* edit, const std::string& reason) {
      for (const char* figure : {"ce", "kl", "top1"}) {
        entry["missing"][fmt::format("damage.{}.{}", edit, figure)] = reason;
      }
    };
    if (!removable) {
      note("remove", "the model has no other block");
    }
    if (!maps) {
      note("linear",
           fmt::format("{} tokens do not determine a map of {} features",
                       data.fit_tokens(),
                       model.config.hidden));
    }
  }
  result["damage"] = {{"tokens", run.unedited.tokens},
                      {"windows",
                       std::ranges::count(data.roles, Role::kMeasure) +
                           std::ranges::count(data.roles, Role::kBoth)},
                      {"fit_tokens", data.fit_tokens()},
                      {"dense",
                       {{"ce", run.unedited.cross_entropy},
                        {"perplexity", number_or_null(run.unedited.perplexity())}}}};
  add_rank_correlations(result);
}

}  // namespace linscan
