// edit_spans MODEL IDS CTX LONGEST REPEATS [METHOD] [bf16]
//
// What fitting the maps of all spans of up to LONGEST blocks costs beside the forward pass alone:
// CPU seconds of either in turn, and the memory of the fits beside what was planned. Nothing is
// measured: no edited stream goes through a later block. One JSON object on standard output.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "edit/pass_memory.h"
#include "linscan/analyze/engine.h"
#include "linscan/analyze/folds.h"
#include "linscan/base/device.h"
#include "linscan/base/progress.h"
#include "linscan/base/system.h"
#include "linscan/edit/spans.h"
#include "linscan/edit/variants.h"
#include "linscan/model/model.h"
#include "linscan/text/windows.h"

namespace {

using linscan::Json;

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Cost {
  double cpu, wall;
};

template <typename Work>
Cost cost_of(const Work& work) {
  const double cpu = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  work();
  return {cpu_seconds() - cpu,
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

// The analysis' pass without any sink.
void forward(const linscan::Model& model,
             const linscan::TokenWindows& windows,
             const linscan::VariantOptions& options) {
  const linscan::FoldPlan folds = linscan::assign_folds(windows, 1, 0);
  const linscan::MemoryPlan memory = linscan::plan_memory(
      model,
      windows,
      folds,
      {.compute_dtype = options.compute_dtype, .memory_limit = options.memory_limit});
  const linscan::Schedule schedule = linscan::Schedule::make(windows, folds, memory.batch_rows);
  linscan::Engine engine(model, windows, schedule, memory, options.compute_dtype, options.device);
  if (engine.run({})) {
    throw std::runtime_error("weights that are not finite");
  }
}

void run(const std::vector<std::string>& a) {
  const linscan::Model model = linscan::open_model(a.at(0));
  const std::vector<std::filesystem::path> files = {a.at(1)};
  const linscan::TokenWindows windows =
      linscan::read_windows(files,
                            nullptr,
                            model.config.vocabulary,
                            {.max_tokens = 1 << 30, .context = std::stoll(a.at(2))});
  const linscan::Method method = linscan::parse_method(a.size() > 5 ? a[5] : "linear", "METHOD");
  linscan::VariantOptions options;
  options.compute_dtype = a.size() > 6 && a[6] == "bf16" ? at::kBFloat16 : at::kFloat;
  options.memory_limit = linscan::memory_limit_or_default(0);
  options.keep_weights = false;
  options.predictions = false;
  const linscan::EditData data{&windows, std::vector(windows.windows.size(), linscan::Role::kFit)};
  const auto plans = linscan::span_plans(model.config, method, std::stoll(a.at(3)));
  Json result = {{"spans", plans.size()},
                 {"tokens", data.fit_tokens()},
                 {"threads", linscan::threads()},
                 {"forward", Json::array()},
                 {"all_maps", Json::array()}};
  for (int64_t repeat = 0; repeat < std::stoll(a.at(4)); ++repeat) {
    const Cost bare = cost_of([&] { forward(model, windows, options); });
    result["forward"].push_back({{"cpu", bare.cpu}, {"wall", bare.wall}});
    linscan::release_freed_memory();
    const linscan::PassMemory memory(model, data, plans, options);
    result["planned_bytes"] = memory.bytes(0, plans.size(), false);
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak from here on
    const Cost fits = cost_of([&] { linscan::run_variants(model, data, plans, options); });
    result["all_maps"].push_back({{"cpu", fits.cpu}, {"wall", fits.wall}});
    result["peak_bytes"] = linscan::peak_memory_bytes();
  }
  std::cout << result.dump(1) << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  try {
    linscan::keep_freed_memory();
    linscan::set_threads(1);  // threads that wait for each other would count as work
    linscan::Progress::set_enabled(false);
    run({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "edit_spans: error: %s\n", e.what());
    return 1;
  }
}
