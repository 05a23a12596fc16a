#include "linscan/analyze/engine.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "linscan/analyze/analysis.h"
#include "unit/analyze/test_windows.h"
#include "unit/analyze/tiny_llama.h"
#include "unit/base/test_files.h"
#include "unit/stats/test_data.h"

namespace linscan {
namespace {

TokenWindows stories() {
  std::vector<WindowSpec> specs;
  for (int32_t document = 0; document < 30; ++document) {
    specs.push_back({20, document});
    specs.push_back({3 + document % 11, document});
  }
  return make_windows(specs, kVocabulary);
}

struct Outcome {
  std::optional<BadWeights> bad;
  std::vector<Json> blocks;
};

Outcome run(const testing::TemporaryFolder& folder, int64_t batch_rows, bool spill) {
  const Model model = open_model(folder.path());
  const TokenWindows windows = stories();
  const FoldPlan folds = assign_folds(windows, 3, 0);
  const Schedule schedule = Schedule::make(windows, folds, batch_rows);
  MemoryPlan plan;
  plan.tokens = schedule.rows;
  plan.batch_rows = batch_rows;
  plan.spill = spill;
  StatisticsSink sink({.metrics = {.linearity = true, .baselines = true, .tokens = true},
                       .folds = folds.folds,
                       .blocks = kBlocks,
                       .sampled_rows = {},
                       .two_nn = {}});
  Sink* const sinks[] = {&sink};
  Engine engine(model, windows, schedule, plan, at::kFloat, at::kCPU);
  Outcome result;
  result.bad = engine.run(sinks);
  for (const BlockScores& scores : sink.blocks()) {
    result.blocks.push_back(to_json(scores));
  }
  return result;
}

// Every number of two results, up to `tolerance`.
void expect_near(const Json& a, const Json& b, double tolerance) {
  const Json flat_a = a.flatten();
  const Json flat_b = b.flatten();
  ASSERT_EQ(flat_a.size(), flat_b.size());
  for (const auto& [path, value] : flat_a.items()) {
    if (value.is_number()) {
      EXPECT_NEAR(value.get<double>(), flat_b[path].get<double>(), tolerance) << path;
    }
  }
}

TEST(Engine, SameRunTwice_IsBitwiseTheSame) {
  const testing::TemporaryFolder folder;
  write_llama(folder);
  EXPECT_EQ(run(folder, 64, false).blocks, run(folder, 64, false).blocks);
}

TEST(Engine, SpilledStream_IsBitwiseTheSame) {
  const testing::TemporaryFolder folder;
  write_llama(folder);
  const Outcome memory = run(folder, 64, false);
  ASSERT_EQ(memory.blocks.size(), 3U);
  EXPECT_EQ(memory.blocks, run(folder, 64, true).blocks);
}

TEST(Engine, AnyBatchSize_GivesTheSameScores) {
  const testing::TemporaryFolder folder;
  write_llama(folder);
  const Outcome whole = run(folder, 4096, false);
  for (const int64_t rows : {1, 50, 333}) {
    const Outcome parts = run(folder, rows, false);
    for (size_t block = 0; block < 3; ++block) {
      expect_near(whole.blocks[block], parts.blocks[block], 1e-5);
    }
  }
}

TEST(Engine, WeightsThatAreNotFinite_EndTheStreamBeforeTheirBlock) {
  const testing::TemporaryFolder folder;
  write_llama(folder);
  const Outcome good = run(folder, 64, false);
  EXPECT_FALSE(good.bad);
  const testing::TemporaryFolder damaged;
  write_llama(damaged, "model.layers.1.mlp.up_proj.weight");
  const Outcome bad = run(damaged, 64, false);
  ASSERT_TRUE(bad.bad);
  EXPECT_EQ(bad.bad->block, 1);
  EXPECT_NE(bad.bad->reason.find("model.layers.1.mlp.up_proj.weight"), std::string::npos)
      << bad.bad->reason;
  ASSERT_EQ(bad.blocks.size(), 1U);
  EXPECT_EQ(bad.blocks[0], good.blocks[0]);
}

TEST(Analyze, WeightsThatAreNotFinite_AreReportedAndEarlierScoresKept) {
  const testing::TemporaryFolder folder;
  write_llama(folder, "model.layers.1.self_attn.q_proj.weight");
  const Model model = open_model(folder.path());
  AnalysisOptions options;
  options.folds = 3;
  options.context = 32;
  options.dtype = "fp32";
  options.device = "cpu";
  const Analysis analysis = analyze(model, stories(), options);
  EXPECT_NE(analysis.failure.find("model.layers.1.self_attn.q_proj.weight"), std::string::npos)
      << analysis.failure;
  const Json& blocks = analysis.result["blocks"];
  ASSERT_EQ(blocks.size(), 3U);
  EXPECT_TRUE(blocks[0]["linearity"]["update"]["held_out"].is_number());
  for (const size_t block : {1, 2}) {
    EXPECT_TRUE(blocks[block]["missing"].contains("*"));
    EXPECT_FALSE(blocks[block].contains("linearity"));
  }
}

TEST(ResidualStream, MemoryAndFile_HoldTheSameRows) {
  const testing::TemporaryFolder folder;
  const at::Tensor rows = normal(37, 5, 1).to(at::kFloat);
  ResidualStream memory(37, 5);
  ResidualStream file(37, 5, folder.path());
  EXPECT_FALSE(memory.spilled());
  EXPECT_TRUE(file.spilled());
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  for (ResidualStream* stream : {&memory, &file}) {
    stream->store(20, rows.slice(0, 20));
    stream->store(0, rows.slice(0, 0, 20));
    EXPECT_TRUE(at::equal(stream->load(0, 37, at::kCPU), rows));
    EXPECT_TRUE(at::equal(stream->load(13, 9, at::kCPU), rows.slice(0, 13, 22)));
    stream->store(5, rows.slice(0, 0, 1).t().contiguous().t());
    EXPECT_TRUE(at::equal(stream->load(5, 1, at::kCPU), rows.slice(0, 0, 1)));
  }
}

TEST(ResidualStream, FolderThatIsNotThere_IsAnInputError) {
  const testing::TemporaryFolder folder;
  EXPECT_THROW(ResidualStream(3, 4, folder / "missing"), Error);
}

TEST(PlanMemory, Limit_DecidesWhereTheStreamIs) {
  const testing::TemporaryFolder folder;
  write_llama(folder);
  const Model model = open_model(folder.path());
  std::vector<WindowSpec> specs(20000, {100, 0});
  const TokenWindows windows = make_windows(specs, kVocabulary);
  const FoldPlan folds = assign_folds(windows, 5, 0);
  PlanRequest request{.compute_dtype = at::kFloat,
                      .memory_limit = int64_t{1} << 40,
                      .pair_statistics = true,
                      .sublayers = false,
                      .first_tokens = true,
                      .sampled_rows = 4096,
                      .logits = false,
                      .workers = 4};
  const MemoryPlan roomy = plan_memory(model, windows, folds, request);
  EXPECT_FALSE(roomy.spill);
  EXPECT_EQ(roomy.tokens, 2000000);
  EXPECT_EQ(roomy.stream, 2000000 * kHidden * 4);
  EXPECT_EQ(roomy.to_json()["stream_in"], "memory");
  EXPECT_EQ(roomy.workers, 4);

  request.memory_limit = roomy.total() - roomy.stream / 2;
  const MemoryPlan tight = plan_memory(model, windows, folds, request);
  EXPECT_TRUE(tight.spill);
  EXPECT_LE(tight.total(), request.memory_limit);

  request.memory_limit = 1 << 20;
  try {
    plan_memory(model, windows, folds, request);
    FAIL();
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("--memory-limit 1.00 MiB is too small"), std::string::npos) << message;
    EXPECT_NE(message.find("at least"), std::string::npos) << message;
  }
}

TEST(PlanMemory, Sublayers_AddTheirMomentsAndFirstTokens) {
  const testing::TemporaryFolder folder;
  write_llama(folder);
  const Model model = open_model(folder.path());
  const TokenWindows windows = make_windows({{8, 0}, {8, 1}}, kVocabulary);
  const FoldPlan folds = assign_folds(windows, 2, 0);
  PlanRequest request{.compute_dtype = at::kFloat,
                      .memory_limit = int64_t{1} << 40,
                      .pair_statistics = true,
                      .sublayers = false,
                      .first_tokens = true,
                      .sampled_rows = 0,
                      .logits = false};
  const int64_t without = plan_memory(model, windows, folds, request).statistics;
  request.sublayers = true;
  const int64_t with = plan_memory(model, windows, folds, request).statistics;
  // Serial: the state between the two and two pairs for each of two folds; two windows.
  EXPECT_EQ(with - without, 2 * 3 * kHidden * kHidden * 8 + 2 * 2 * kHidden * 4);
}

// Where solving and not the batches decides, scores are solved one after another first.
TEST(PlanMemory, WideStates_AreScoredWithFewerWorkers) {
  const testing::TemporaryFolder folder;
  write_llama(folder);
  const Model model = open_model(folder.path());
  const TokenWindows windows = make_windows({{8, 0}, {8, 1}}, kVocabulary);
  const FoldPlan folds = assign_folds(windows, 2, 0);
  PlanRequest request{.compute_dtype = at::kFloat,
                      .memory_limit = int64_t{1} << 40,
                      .pair_statistics = true,
                      .sublayers = false,
                      .first_tokens = true,
                      .sampled_rows = 0,
                      .logits = false,
                      .workers = 64};
  const MemoryPlan roomy = plan_memory(model, windows, folds, request);
  ASSERT_GT(roomy.next + roomy.solving, roomy.weights + roomy.batch);
  request.memory_limit = roomy.total() - roomy.solving / 2;
  const MemoryPlan tight = plan_memory(model, windows, folds, request);
  EXPECT_LT(tight.workers, 64);
  EXPECT_GE(tight.workers, 1);
  EXPECT_FALSE(tight.spill);
}

}  // namespace
}  // namespace linscan
