#include "linscan/edit/damage.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
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

// The replaced block's damage with the spread of its map's error over tokens.
Json linear_damage(const Measure& unedited, const Variant& variant) {
  const TokenErrors& errors = variant.fits.front().held_out->errors;
  Json damage = damage_of(unedited, variant.measure);
  damage["error"] = {{"stream", token_error_percentiles(errors.of_target)},
                     {"update", token_error_percentiles(errors.of_missing)}};
  return damage;
}

// Counts of all blocks, for histograms.
Json error_counts(std::span<const Variant> linear) {
  Json stream = Json::array();
  Json update = Json::array();
  for (const Variant& variant : linear) {
    const TokenErrors& errors = variant.fits.front().held_out->errors;
    stream.push_back(count_token_errors(errors.of_target));
    update.push_back(count_token_errors(errors.of_missing));
  }
  return {{"edges", token_error_edges()}, {"stream", stream}, {"update", update}};
}

// What is run: every block removed (not the only one of a model, without which nothing is left),
// then every block replaced by its map where the text determines one.
struct Edits {
  EditData data;
  bool removable, maps;
  std::vector<EditPlan> plans;
  VariantOptions variants;
};

Edits edits_of(const Model& model, const TokenWindows& windows, const DamageOptions& options) {
  const int64_t blocks = model.config.blocks();
  Edits edits{split_held_out(windows, options.sample_tokens, options.seed),
              blocks > 1,
              false,
              {},
              options.variants};
  edits.maps = edits.data.fit_tokens() > model.config.hidden + 1;
  const auto add = [&](Method method) {
    for (int64_t block = 0; block < blocks; ++block) {
      edits.plans.push_back(Recipe{method, {}}.on({block}));
    }
  };
  if (edits.removable) {
    add(Method::kRemove);
  }
  if (edits.maps) {
    add(Method::kLinear);
  }
  edits.variants.progress = "damage";
  edits.variants.keep_weights = false;
  edits.variants.held_out = true;
  return edits;
}

}  // namespace

Json plan_damage(const Model& model, const TokenWindows& windows, const DamageOptions& options) {
  const Edits edits = edits_of(model, windows, options);
  return plan_variants(model, edits.data, edits.plans, edits.variants);
}

void add_damage(const Model& model,
                const TokenWindows& windows,
                const DamageOptions& options,
                Json& result) {
  const int64_t blocks = model.config.blocks();
  const Edits edits = edits_of(model, windows, options);
  const auto& [data, removable, maps, plans, variants] = edits;
  const VariantRun run = run_variants(model, data, plans, variants);
  const std::span<const Variant> all = run.variants;
  const std::span<const Variant> removed = all.first(removable ? static_cast<size_t>(blocks) : 0);
  const std::span<const Variant> linear = all.subspan(removed.size());
  for (int64_t block = 0; block < blocks; ++block) {
    Json& entry = result["blocks"][static_cast<size_t>(block)];
    const auto i = static_cast<size_t>(block);
    entry["damage"] = {
        {"remove", removable ? damage_of(run.unedited, removed[i].measure) : missing_damage()},
        {"linear", maps ? linear_damage(run.unedited, linear[i]) : missing_damage()}};
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
  if (maps) {
    result["damage"]["token_errors"] = error_counts(linear);
  }
  add_rank_correlations(result);
}

}  // namespace linscan
