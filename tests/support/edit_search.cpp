// edit_search MODEL --drop K --data FILE --eval-data FILE [options of linscan prune]
//
// Every set of 1 .. K blocks edited by each of the methods, and the sets that linscan prune chooses
// by loss. For each method and count, with the perplexity on the evaluation text after a fit to all
// calibration text: the chosen set ("automatic"), the one that has the lowest loss on the part of
// the calibration text that chooses, of all sets and fitted to all of the rest ("exhaustive"), and
// the one that has the lowest loss on the evaluation text ("hindsight"). "auto" is the choice
// between the methods that keep a stock checkpoint. One JSON object on standard output. For
// scripts/bench/edit_figures.py and tests.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/edit_options.h"
#include "linscan/base/device.h"
#include "linscan/base/progress.h"
#include "linscan/base/system.h"
#include "linscan/edit/edit_job.h"
#include "linscan/model/model.h"

namespace {

using linscan::Json;

class EditSearch {
 public:
  explicit EditSearch(const linscan::tools::EditOptions& options)
      : o_(options),
        model_(linscan::open_model(o_.model)),
        variants_(linscan::tools::variant_options(o_.compute, model_)),
        recipes_(linscan::tools::recipes_of(o_)),
        windows_(o_.text.load(model_, linscan::default_edit_tokens(model_.config, recipes_))),
        count_(linscan::tools::parse_drop(o_.drop, model_.config.blocks())) {}

  Json run() const {
    const std::vector<linscan::Search> calibration = try_all(windows_.for_search());
    const std::vector<linscan::Search> evaluation = try_all(windows_.for_edit());
    Json methods = Json::object();
    std::vector<linscan::Recipe> stock;
    for (const linscan::Recipe& recipe : recipes_) {
      methods[recipe.label()] = compare(recipe_choices({recipe}), calibration, evaluation);
      if (recipe.method != linscan::Method::kLinear) {
        stock.push_back(recipe);
      }
    }
    methods["auto"] = compare(recipe_choices(stock), calibration, evaluation);
    const linscan::VariantRun dense =
        linscan::run_variants(model_, windows_.for_edit(), {}, variants_);
    return {{"dense", dense.unedited.perplexity()}, {"methods", std::move(methods)}};
  }

 private:
  // Recipes and, for each count, what the command chooses between them.
  struct Choices {
    std::vector<linscan::Recipe> recipes;
    std::vector<linscan::EditDecision> decisions;
  };

  Choices recipe_choices(std::vector<linscan::Recipe> recipes) const {
    linscan::EditRequest request;
    request.recipes = recipes;
    request.count = count_;
    request.beam = o_.means.beam;
    request.search_tokens = o_.search_tokens;
    request.seed = o_.text.seed;
    request.variants = variants_;
    return {std::move(recipes), linscan::decide_every_count(model_, windows_, request)};
  }

  std::vector<linscan::Search> try_all(const linscan::EditData& data) const {
    return linscan::search_by_loss(
        model_,
        data,
        recipes_,
        {.count = count_, .beam = std::numeric_limits<int64_t>::max(), .variants = variants_});
  }

  // A set that was tried, with the recipe.
  struct Tried {
    std::string method;
    const linscan::Trial* trial;
  };

  // The best set of `count` blocks by any of the recipes.
  static Tried best_of(const std::vector<linscan::Search>& searches,
                       const std::vector<linscan::Recipe>& recipes,
                       int64_t count) {
    Tried best{"", nullptr};
    for (const linscan::Recipe& recipe : recipes) {
      const linscan::Trial& trial = search_of(searches, recipe.label()).best(count);
      if (best.trial == nullptr ||
          trial.measure.cross_entropy < best.trial->measure.cross_entropy) {
        best = {recipe.label(), &trial};
      }
    }
    return best;
  }

  static const linscan::Search& search_of(const std::vector<linscan::Search>& searches,
                                          const std::string& label) {
    return *std::ranges::find_if(
        searches, [&](const linscan::Search& search) { return search.recipe.label() == label; });
  }

  static Json compare(const Choices& choices,
                      const std::vector<linscan::Search>& calibration,
                      const std::vector<linscan::Search>& evaluation) {
    Json counts = Json::array();
    for (size_t i = 0; i < choices.decisions.size(); ++i) {
      const auto count = static_cast<int64_t>(i + 1);
      const auto describe = [&](const std::string& method, const std::vector<int64_t>& blocks) {
        const linscan::Round& all = search_of(evaluation, method).rounds[i];
        const auto same = std::ranges::find(all.trials, blocks, &linscan::Trial::blocks);
        return Json{{"method", method},
                    {"blocks", blocks},
                    {"perplexity", same->measure.perplexity()},
                    {"kl", same->measure.kl}};
      };
      const auto best = [&](const std::vector<linscan::Search>& searches) {
        const Tried tried = best_of(searches, choices.recipes, count);
        return describe(tried.method, tried.trial->blocks);
      };
      counts.push_back(
          {{"automatic",
            describe(choices.decisions[i].recipe.label(), choices.decisions[i].blocks)},
           {"exhaustive", best(calibration)},
           {"hindsight", best(evaluation)}});
    }
    return counts;
  }

  const linscan::tools::EditOptions& o_;
  const linscan::Model model_;
  const linscan::VariantOptions variants_;
  const std::vector<linscan::Recipe> recipes_;
  const linscan::EditWindows windows_;
  const int64_t count_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app;
  linscan::tools::EditOptions options("edit_search", "auto");
  options.add_to(app);
  CLI11_PARSE(app, argc, argv);
  try {
    linscan::keep_freed_memory();
    linscan::set_threads(options.compute.threads);
    linscan::Progress::set_enabled(false);
    std::cout << EditSearch(options).run().dump(1) << '\n';
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "edit_search: error: %s\n", e.what());
    return 1;
  }
}
