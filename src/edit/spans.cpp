#include "linscan/edit/spans.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "edit/held_out_split.h"

namespace linscan {
namespace {

Json explained(const FitRecord& fit) {
  const bool held_out = fit.held_out && fit.held_out->unexplained;
  return {{"in_sample", 1 - fit.unexplained},
          {"held_out", held_out ? Json(1 - *fit.held_out->unexplained) : Json(nullptr)}};
}

VariantOptions variant_options(const SpanOptions& options) {
  VariantOptions variants = options.variants;
  variants.progress = "spans";
  variants.keep_weights = false;
  variants.predictions = options.damage;
  variants.held_out = true;
  return variants;
}

bool determines_maps(const Model& model, const EditData& data) {
  return data.fit_tokens() > model.config.hidden + 1;
}

}  // namespace

std::vector<EditPlan> span_plans(const DecoderConfig& config,
                                 Method method,
                                 int64_t longest,
                                 const EditPlan& how) {
  std::vector<EditPlan> plans;
  for (int64_t begin = 0; begin < config.blocks(); ++begin) {
    for (int64_t end = begin + 1; end <= std::min(config.blocks(), begin + longest); ++end) {
      EditPlan plan = how;
      plan.operations = {{method, begin, end}};
      if (why_illegal(config, plan.operations.front()).empty()) {
        plans.push_back(std::move(plan));
      }
    }
  }
  return plans;
}

void add_spans(const Model& model,
               const TokenWindows& windows,
               const SpanOptions& options,
               Json& result) {
  const EditData data = split_held_out(windows, options.sample_tokens, options.seed);
  Json& spans = result["spans"];
  spans = {{"longest", std::min(options.longest, model.config.blocks())},
           {"fit_tokens", data.fit_tokens()},
           {"held_out_tokens", data.measured_tokens()},
           {"maps", Json::array()}};
  if (!determines_maps(model, data)) {
    spans["missing"] = fmt::format(
        "{} tokens do not determine a map of {} features", data.fit_tokens(), model.config.hidden);
    return;
  }
  const VariantRun run = run_variants(model,
                                      data,
                                      span_plans(model.config, Method::kLinear, options.longest),
                                      variant_options(options));
  for (const Variant& variant : run.variants) {
    const FitRecord& fit = variant.fits.front();
    Json entry = {{"begin", fit.begin}, {"end", fit.end}, {"update", explained(fit)}};
    if (options.damage) {
      entry["damage"] = {{"ce", variant.measure.cross_entropy - run.unedited.cross_entropy},
                         {"kl", variant.measure.kl},
                         {"top1", variant.measure.top1}};
    }
    spans["maps"].push_back(std::move(entry));
  }
}

Json plan_spans(const Model& model, const TokenWindows& windows, const SpanOptions& options) {
  const EditData data = split_held_out(windows, options.sample_tokens, options.seed);
  std::vector<EditPlan> plans;
  if (determines_maps(model, data)) {
    plans = span_plans(model.config, Method::kLinear, options.longest);
  }
  return plan_variants(model, data, plans, variant_options(options));
}

}  // namespace linscan
