#include "common/edit_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "linscan/base/device.h"
#include "linscan/base/error.h"
#include "linscan/base/system.h"
#include "linscan/model/description.h"

namespace linscan::tools {
namespace {

double parse_number(std::string_view text, std::string_view whole, std::string_view option) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  LINSCAN_CHECK(error == std::errc() && end == text.data() + text.size() && std::isfinite(value) &&
                    value >= 0,
                kUsage,
                "{} {}: expected a number of at least 0, or a percentage like 10%",
                option,
                whole);
  return value;
}

void add_choice_options(CLI::App& app, EditOptions& o) {
  auto* blocks = app.add_option(
      "--blocks", o.blocks, "Blocks to edit: numbers from 0 and half-open ranges, like 3,7:9");
  auto* drop =
      app.add_option("--drop", o.drop, "How many blocks to edit: a number, or a share like 25%");
  auto* plan = app.add_option("--plan", o.plan, "Apply a plan that --plan-only saved");
  blocks->group("Method")->type_name("LIST");
  drop->group("Method")->type_name("N|P%")->excludes(blocks);
  plan->group("Method")->type_name("FILE")->excludes(blocks)->excludes(drop);
  app.add_option("--by",
                 o.by,
                 "How --drop chooses: loss (greedy, with the edit fitted and in place), linearity "
                 "(held-out R^2 of the stream), update (of the update), cosine (block influence), "
                 "angular (one window of neighbours), reverse, random")
      ->group("Method")
      ->check(
          CLI::IsMember({"loss", "linearity", "update", "cosine", "angular", "reverse", "random"}));
}

void add_method_options(CLI::App& app, EditOptions& o) {
  app.add_option("--method",
                 o.method,
                 "remove; fold (a map merged into the last kept block's down projection); refit "
                 "(that projection solved anew); linear (one linear block); linear-attention, "
                 "no-attention; auto (the one with the lowest loss)")
      ->group("Method")
      ->check(CLI::IsMember(
          {"auto", "remove", "fold", "refit", "linear", "linear-attention", "no-attention"}));
  app.add_flag(
         "--sweep", o.sweep, "After fold or refit, solve every later down projection anew too")
      ->group("Method");
  app.add_option("--target",
                 o.target,
                 "What maps are fitted to: the dense model's states, the blocks' own output on the "
                 "edited stream, or auto (the one with the lower loss)")
      ->group("Method")
      ->check(CLI::IsMember({"dense", "own", "auto"}));
}

void add_output_options(CLI::App& app, EditOptions& o) {
  app.add_option("-o,--out", o.out, "Folder for the edited model")
      ->group("Output")
      ->type_name("DIR");
  app.add_option("--export",
                 o.export_form,
                 "Form of the checkpoint: stock (the source's architecture), remote-code "
                 "(transformers with trust_remote_code), nemotron (per-layer linear layers for "
                 "llama.cpp); auto: stock where it can hold the edit, else remote-code")
      ->group("Output")
      ->check(CLI::IsMember({"auto", "stock", "remote-code", "nemotron"}));
  app.add_flag("--plan-only",
               o.plan_only,
               "Choose, print the plan as JSON (with --out also as linscan_plan.json) and stop")
      ->group("Output");
  app.add_option("--max-ppl-increase",
                 o.max_ppl_increase,
                 "Write nothing and exit 1 when perplexity rises by more than this share, like 10%")
      ->group("Output")
      ->type_name("P%");
  app.add_option("--max-kl",
                 o.max_kl,
                 "Write nothing and exit 1 when KL(dense || edited) is above this, nats per token")
      ->group("Output")
      ->type_name("X");
  app.add_option("--format", o.format, "What standard output shows")
      ->group("Output")
      ->check(CLI::IsMember({"table", "json", "markdown"}));
  app.add_flag("--force", o.force, "Replace an existing checkpoint")->group("Output");
}

}  // namespace

void SearchMeans::add_to(CLI::App& app) {
  app.add_flag("--rescore", rescore, "Score the blocks that are left anew after each one")
      ->group("Method");
  app.add_option(
         "--beam", beam, "Sets that each round of --by loss hands to the next; 1: plain greedy")
      ->group("Method")
      ->check(CLI::Range(int64_t{1}, int64_t{1000}))
      ->type_name("N");
  app.add_option("--map", map, "affine, diagonal, scale, orthogonal, or rank:K of the update")
      ->group("Method")
      ->type_name("KIND");
  app.add_option("--ridge", ridge, "Penalty on the change, a share of the mean square of a feature")
      ->group("Method")
      ->check(CLI::NonNegativeNumber)
      ->type_name("X");
}

EditPlan SearchMeans::plan() const {
  EditPlan plan;
  plan.map = parse_map(map, "--map");
  plan.map.ridge = ridge;
  return plan;
}

void SearchMeans::check_effect(std::span<const Recipe> recipes,
                               std::span<const Criterion> criteria) const {
  LINSCAN_CHECK(!rescore || std::ranges::any_of(criteria, scores_single_blocks),
                kUsage,
                "--rescore scores blocks anew while they are chosen: it goes with --by linearity, "
                "update or cosine");
  LINSCAN_CHECK(map == "affine" || std::ranges::any_of(recipes, takes_map_choice, &Recipe::method),
                kUsage,
                "--map {}: {} fits no such map; only fold, linear and linear-attention do",
                map,
                name(recipes.front().method));
}

void EditOptions::add_to(CLI::App& app) {
  app.add_option("MODEL,-m,--model", model, "HuggingFace folder: config.json and weights")
      ->required()
      ->group("Model");
  text.add_to(app);
  app.add_option("--search-tokens",
                 search_tokens,
                 "Most tokens that the search fits on; 0: 4,096, or 16 for each unknown")
      ->group("Data")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  add_choice_options(app, *this);
  add_method_options(app, *this);
  means.add_to(app);
  compute.add_to(app);
  add_output_options(app, *this);
}

std::optional<ExportForm> wanted_form(const EditOptions& o) {
  for (const ExportForm form :
       {ExportForm::kStock, ExportForm::kRemoteCode, ExportForm::kNemotron}) {
    if (o.export_form == name(form)) {
      return form;
    }
  }
  return std::nullopt;
}

std::vector<Recipe> recipes_of(const EditOptions& o) {
  EditPlan how = o.means.plan();
  how.sweep = o.sweep;
  LINSCAN_CHECK(!o.means.rescore || (o.method != "auto" && o.target != "auto"),
                kUsage,
                "--rescore scores the model with the blocks chosen so far edited one way: name one "
                "--method and --target, not auto");
  how.target = o.target == "own" ? Target::kOwn : Target::kDense;
  how.normed_maps = o.export_form == name(ExportForm::kNemotron);
  LINSCAN_CHECK(
      !how.normed_maps || how.map.kind == MapKind::kAffine || how.map.kind == MapKind::kRank,
      kUsage,
      "--export nemotron: its linear layers read the normed stream, so --map must be "
      "affine or rank:K");
  if (o.method != "auto") {
    const Method method = parse_method(o.method, "--method");
    LINSCAN_CHECK(!o.sweep || replaces_down_projection(method),
                  kUsage,
                  "--sweep follows fold or refit, not {}",
                  o.method);
    return {{method, how}};
  }
  std::vector<Recipe> recipes;
  const bool stock = o.export_form == "auto" || o.export_form == name(ExportForm::kStock);
  if (!stock) {
    recipes.push_back({Method::kLinear, how});
  }
  if (!o.sweep) {
    recipes.push_back({Method::kRemove, how});
  }
  for (const Method method : {Method::kFold, Method::kRefit}) {
    recipes.push_back({method, how});
    if (!o.sweep && method == Method::kRefit) {
      recipes.push_back({method, how});
      recipes.back().how.sweep = true;
    }
  }
  return recipes;
}

int64_t parse_drop(const std::string& text, int64_t blocks) {
  int64_t count = 0;
  if (text.ends_with('%')) {
    const double share =
        parse_number(std::string_view(text).substr(0, text.size() - 1), text, "--drop") / 100;
    count = std::max<int64_t>(1, std::llround(share * static_cast<double>(blocks)));
  } else {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    LINSCAN_CHECK(error == std::errc() && end == text.data() + text.size(),
                  kUsage,
                  "--drop {}: expected a number of blocks, or a share like 25%",
                  text);
  }
  LINSCAN_CHECK(count >= 1 && count < blocks,
                kInput,
                "--drop {}: expected from 1 to {} of the model's {} blocks",
                text,
                blocks - 1,
                blocks);
  return count;
}

double parse_share(const std::string& text, std::string_view option) {
  return text.ends_with('%')
             ? parse_number(std::string_view(text).substr(0, text.size() - 1), text, option) / 100
             : parse_number(text, text, option);
}

VariantOptions variant_options(const ComputeOptions& compute, const Model& model) {
  VariantOptions options;
  options.device = parse_device(compute.device);
  options.compute_dtype =
      choose_compute_dtype(compute.dtype, stored_in_16_bits(model), options.device);
  options.memory_limit = memory_limit_or_default(compute.memory_limit_bytes());
  return options;
}

Json describe_compute(const VariantOptions& options, std::chrono::steady_clock::time_point start) {
  return {
      {"device", options.device.str()},
      {"dtype", dtype_name(options.compute_dtype)},
      {"threads", threads()},
      {"seconds", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()},
      {"peak_memory_bytes", peak_memory_bytes()}};
}

}  // namespace linscan::tools
