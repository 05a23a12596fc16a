// How long one block's scores take, and what the parts cost. Not a test: prints times to compare
// within one run.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include "linscan/stats/geometry.h"
#include "linscan/stats/linearity.h"

namespace {

using linscan::PairMoments;
using linscan::StateMoments;

constexpr int64_t kTokens = 15000;

// Moments of a nonlinear random block over `folds` folds.
std::vector<PairMoments> random_moments(int64_t width, int64_t folds) {
  at::manual_seed(1);
  const at::Tensor shift = at::zeros({width}, at::kDouble);
  const at::Tensor weights = at::randn({width, width}, at::kDouble) / 30.0;
  std::vector<PairMoments> parts;
  for (int64_t k = 0; k < folds; ++k) {
    PairMoments part = PairMoments::zeros(shift, shift);
    const at::Tensor x = at::randn({kTokens / folds, width}, at::kDouble);
    part.add_rows(x, x + at::gelu(x.mm(weights)), 1);
    parts.push_back(std::move(part));
  }
  return parts;
}

void score_pair(benchmark::State& state) {
  at::set_num_threads(2);
  const std::vector<PairMoments> folds = random_moments(state.range(0), 5);
  for (auto _ : state) {
    benchmark::DoNotOptimize(linscan::score_pair(folds, {.baselines = state.range(1) != 0}));
  }
}
BENCHMARK(score_pair)
    ->ArgNames({"width", "baselines"})
    ->Args({768, 0})
    ->Args({768, 1})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void score_spectrum(benchmark::State& state) {
  at::set_num_threads(2);
  const std::vector<PairMoments> folds = random_moments(state.range(0), 1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(linscan::score_spectrum(folds.front().y.centered()));
  }
}
BENCHMARK(score_spectrum)->ArgName("width")->Arg(768)->Unit(benchmark::kMillisecond)->UseRealTime();

void add_lower(benchmark::State& state) {
  at::set_num_threads(2);
  const at::Tensor rows = at::randn({4096, state.range(0)}, at::kDouble);
  StateMoments moments = StateMoments::zeros(at::zeros({state.range(0)}, at::kDouble));
  for (auto _ : state) {
    moments.add_lower(rows);
  }
}
BENCHMARK(add_lower)->ArgName("width")->Arg(768)->Unit(benchmark::kMillisecond)->UseRealTime();

void intrinsic_dimension(benchmark::State& state) {
  at::set_num_threads(static_cast<int>(state.range(1)));
  at::manual_seed(1);
  const at::Tensor rows = at::randn({4096, state.range(0)});
  for (auto _ : state) {
    benchmark::DoNotOptimize(linscan::intrinsic_dimension(rows, {}));
  }
}
BENCHMARK(intrinsic_dimension)
    ->ArgNames({"width", "threads"})
    ->Args({768, 1})
    ->Args({768, 2})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
