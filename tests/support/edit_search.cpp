// edit_search MODEL CALIBRATION_IDS EVALUATION_IDS CTX COUNT METHOD [sweep] [own] [map=KIND]
//
// Every set of 1 .. COUNT blocks edited by one method, fitted on all calibration tokens; for each
// count the best set by calibration loss and its evaluation perplexity, the set that the greedy
// search finds and its own, as one JSON object on standard output. For the tests of the figures in
// docs/benchmarks.md.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "linscan/base/device.h"
#include "linscan/base/progress.h"
#include "linscan/base/system.h"
#include "linscan/edit/selection.h"
#include "linscan/model/model.h"
#include "linscan/text/windows.h"

namespace {

using linscan::Json;

struct Setup {
  linscan::Model model;
  linscan::TokenWindows calibration;
  linscan::TokenWindows all;  // calibration, then evaluation
  linscan::Recipe recipe;
  int64_t count;
};

Setup read_setup(const std::vector<std::string>& a) {
  linscan::Model model = linscan::open_model(a.at(0));
  const linscan::WindowOptions options{.max_tokens = 1 << 30, .context = std::stoll(a.at(3))};
  const auto read = [&](std::vector<std::filesystem::path> files) {
    return linscan::read_windows(files, nullptr, model.config.vocabulary, options);
  };
  Setup setup{std::move(model), read({a.at(1)}), read({a.at(1), a.at(2)}), {}, std::stoll(a.at(4))};
  setup.recipe.method = linscan::parse_method(a.at(5), "METHOD");
  for (size_t i = 6; i < a.size(); ++i) {
    if (a[i] == "sweep") {
      setup.recipe.how.sweep = true;
    } else if (a[i] == "own") {
      setup.recipe.how.target = linscan::Target::kOwn;
    } else if (a[i].starts_with("map=")) {
      setup.recipe.how.map = linscan::parse_map(a[i].substr(4), "map");
    } else if (a[i].starts_with("ridge=")) {
      setup.recipe.how.map.ridge = std::stod(a[i].substr(6));
    } else {
      throw std::invalid_argument("unknown argument " + a[i]);
    }
  }
  return setup;
}

// Fitted on the calibration windows, measured on the others.
Json evaluate(const Setup& setup,
              const std::vector<int64_t>& blocks,
              const linscan::SearchOptions& options) {
  linscan::EditData data{&setup.all, {}};
  for (size_t w = 0; w < setup.all.windows.size(); ++w) {
    data.roles.push_back(w < setup.calibration.windows.size() ? linscan::Role::kFit
                                                              : linscan::Role::kMeasure);
  }
  const linscan::EditPlan plan = setup.recipe.on(blocks);
  const linscan::VariantRun run =
      linscan::run_variants(setup.model, data, {&plan, 1}, options.variants);
  const linscan::Measure& measure = run.variants.front().measure;
  return {{"blocks", blocks},
          {"perplexity", measure.perplexity()},
          {"kl", measure.kl},
          {"dense", run.unedited.perplexity()}};
}

void search(const std::vector<std::string>& arguments) {
  const Setup setup = read_setup(arguments);
  const linscan::EditData data{&setup.calibration,
                               std::vector(setup.calibration.windows.size(), linscan::Role::kBoth)};
  linscan::SearchOptions options;
  options.variants.memory_limit = int64_t{4} << 30;
  Json result = Json::array();
  for (options.count = 1; options.count <= setup.count; ++options.count) {
    const linscan::Search all =
        linscan::search_exhaustively(setup.model, data, setup.recipe, options);
    const linscan::Search greedy =
        linscan::search_by_loss(setup.model, data, {&setup.recipe, 1}, options).front();
    result.push_back({{"exhaustive", evaluate(setup, all.best(options.count).blocks, options)},
                      {"greedy", evaluate(setup, greedy.best(options.count).blocks, options)}});
  }
  std::cout << result.dump(1) << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  try {
    linscan::keep_freed_memory();
    linscan::set_threads(0);
    linscan::Progress::set_enabled(false);
    search({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "edit_search: error: %s\n", e.what());
    return 1;
  }
}
