// edit_search MODEL --drop K --data FILE --eval-data FILE [options of linscan prune]
//
// Every set of 1 .. K blocks edited by each of the methods, and the sets that linscan prune chooses
// by loss. For each method and count, with the perplexity on the evaluation text after a fit to all
// calibration text: the chosen set ("automatic"), the one that has the lowest loss on the part of
// the calibration text that chooses, of all sets and fitted to all of the rest ("exhaustive"), and
// the one that has the lowest loss on the evaluation text ("hindsight"). One JSON object on
// standard output. For scripts/bench/edit_figures.py and tests.
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
    const std::vector<linscan::Search> chosen = choose();
    const std::vector<linscan::Search> calibration = try_all(windows_.for_search());
    const std::vector<linscan::Search> evaluation = try_all(windows_.for_edit());
    Json methods = Json::object();
    for (size_t i = 0; i < recipes_.size(); ++i) {
      Json counts = Json::array();
      for (int64_t count = 1; count <= count_; ++count) {
        const linscan::Round& all = evaluation.at(i).rounds[static_cast<size_t>(count - 1)];
        counts.push_back({{"automatic", describe(chosen.at(i).best(count), all)},
                          {"exhaustive", describe(calibration.at(i).best(count), all)},
                          {"hindsight", describe(all.trials.front(), all)}});
      }
      methods[recipes_[i].label()] = std::move(counts);
    }
    const linscan::VariantRun dense =
        linscan::run_variants(model_, windows_.for_edit(), {}, variants_);
    return {{"dense", dense.unedited.perplexity()}, {"methods", std::move(methods)}};
  }

 private:
  // As the command does it.
  std::vector<linscan::Search> choose() const {
    linscan::EditRequest request;
    request.recipes = recipes_;
    request.count = count_;
    request.beam = o_.means.beam;
    request.search_tokens = o_.search_tokens;
    request.seed = o_.text.seed;
    request.variants = variants_;
    return linscan::decide(model_, windows_, request).searches;
  }

  std::vector<linscan::Search> try_all(const linscan::EditData& data) const {
    return linscan::search_by_loss(
        model_,
        data,
        recipes_,
        {.count = count_, .beam = std::numeric_limits<int64_t>::max(), .variants = variants_});
  }

  // A set and what it was chosen by, with its figures on the evaluation text.
  static Json describe(const linscan::Trial& choice, const linscan::Round& evaluated) {
    const auto same = std::ranges::find(evaluated.trials, choice.blocks, &linscan::Trial::blocks);
    return {{"blocks", choice.blocks},
            {"loss", choice.measure.cross_entropy},
            {"perplexity", same->measure.perplexity()},
            {"kl", same->measure.kl}};
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
