// The scores of attention and MLP, against Eigen's SVD of the rows themselves.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "linscan/analyze/statistics_sink.h"
#include "linscan/base/json.h"
#include "unit/stats/test_data.h"

namespace linscan {
namespace {

constexpr int64_t kRows = 450;
constexpr int64_t kWidth = 12;
constexpr int64_t kFolds = 3;
constexpr int64_t kWindow = 10;

struct Block {
  at::Tensor attention;
  at::Tensor middle;
  at::Tensor mlp;
  at::Tensor output;
};

at::Tensor gelu_of(const at::Tensor& x, uint64_t seed, double size) {
  return (at::gelu(x.to(at::kDouble).mm(normal(kWidth, kWidth, seed)) / 3.0) * size).to(at::kFloat);
}

Block serial_block(const at::Tensor& x, uint64_t seed) {
  Block block;
  block.attention = gelu_of(x, seed, 0.3);
  block.middle = x + block.attention;
  block.mlp = gelu_of(block.middle, seed + 1, 0.5);
  block.output = block.middle + block.mlp;
  return block;
}

Block parallel_block(const at::Tensor& x, uint64_t seed) {
  Block block;
  block.attention = gelu_of(x, seed, 0.3);
  block.middle = x;
  block.mlp = gelu_of(x, seed + 1, 0.5);
  block.output = x + block.attention + block.mlp;
  return block;
}

// Not LayerNorm: its output has one direction of pure rounding, whose score is an accident.
Block post_norm_block(const at::Tensor& x, uint64_t seed) {
  Block block;
  block.attention = gelu_of(x, seed, 0.3);
  block.middle = at::rms_norm(x + block.attention, {kWidth});
  block.mlp = gelu_of(block.middle, seed + 1, 0.5);
  block.output = at::rms_norm(block.middle + block.mlp, {kWidth});
  return block;
}

// The states of two blocks, and a sink that has seen them in batches of three windows.
struct Watched {
  std::vector<at::Tensor> inputs;
  std::vector<Block> blocks;
  StatisticsSink sink;

  Watched(const std::vector<Block (*)(const at::Tensor&, uint64_t)>& makers,
          const MetricChoice& metrics,
          double first_token = 0)
      : sink({.metrics = metrics,
              .folds = kFolds,
              .blocks = static_cast<int64_t>(makers.size()),
              .sampled_rows = {},
              .two_nn = {},
              .workers = 2}) {
    at::Tensor x = (normal(kRows, kWidth, 1) * 2 + 1).to(at::kFloat);
    if (first_token != 0) {
      x.index_fill_(0, at::arange(0, kRows, kWindow, at::kLong), first_token);
    }
    uint64_t seed = 10;
    for (const auto& make : makers) {
      inputs.push_back(x);
      blocks.push_back(make(x, seed += 5));
      x = blocks.back().output;
      show(static_cast<int64_t>(blocks.size()) - 1);
    }
  }

  void show(int64_t index) {
    const auto at = static_cast<size_t>(index);
    const at::Tensor& x = inputs[at];
    const Block& block = blocks[at];
    const int64_t fold_rows = kRows / kFolds;
    for (int64_t row = 0; row < kRows; row += 3 * kWindow) {
      const auto part = [&](const at::Tensor& rows) {
        return rows.defined() ? rows.slice(0, row, row + 3 * kWindow) : rows;
      };
      const at::Tensor x_part = part(x);
      const at::Tensor middle = block.middle.is_same(x) ? x_part : part(block.middle);
      const at::Tensor attention = part(block.attention);
      const at::Tensor mlp = part(block.mlp);
      const at::Tensor output = part(block.output);
      const BatchLayout layout(std::vector<int64_t>(3, kWindow));
      const at::Tensor first = at::arange(0, 3 * kWindow, kWindow, at::kLong);
      sink.observe({index,
                    row / fold_rows,
                    row,
                    layout,
                    first,
                    x_part,
                    attention,
                    middle,
                    mlp,
                    output,
                    {},
                    {}});
    }
    sink.finish_block(index);
  }
};

void expect_target(const TargetScores& scores,
                   const oracle::Rows& x,
                   const oracle::Rows& target,
                   double tolerance) {
  EXPECT_NEAR(*scores.in_sample.value, oracle::in_sample(x, target), tolerance);
  EXPECT_NEAR(*scores.median_feature.value, oracle::median_feature(x, target), tolerance);
  EXPECT_NEAR(*scores.without_top_pc.value, oracle::without_top_pc(x, target), tolerance);
  std::vector<oracle::Rows> x_folds, target_folds;
  for (int64_t fold = 0; fold < kFolds; ++fold) {
    x_folds.emplace_back(x.middleRows(fold * kRows / kFolds, kRows / kFolds));
    target_folds.emplace_back(target.middleRows(fold * kRows / kFolds, kRows / kFolds));
  }
  EXPECT_NEAR(*scores.held_out.value, oracle::held_out(x_folds, target_folds), tolerance);
  EXPECT_LE(scores.held_out_interval->first, *scores.held_out.value);
  EXPECT_GE(scores.held_out_interval->second, *scores.held_out.value);
}

// x -> y, both (N, C) fp64.
void expect_scores(const SublayerScores& scores,
                   const at::Tensor& x,
                   const at::Tensor& y,
                   double tolerance = 1e-10) {
  ASSERT_TRUE(scores.failure.empty());
  expect_target(scores.linearity.stream, to_eigen(x), to_eigen(y), tolerance);
  expect_target(scores.linearity.update, to_eigen(x), to_eigen(y - x), tolerance);
  EXPECT_EQ(scores.displacement->n, kRows);
  EXPECT_NEAR(scores.displacement->cosine(),
              at::cosine_similarity(x, y, 1).mean().item<double>(),
              tolerance);
  EXPECT_NEAR(scores.displacement->norm_ratio(),
              ((y - x).norm(2, {1}) / y.norm(2, {1})).mean().item<double>(),
              tolerance);
}

constexpr MetricChoice kSublayers{.sublayers = true};

TEST(Sublayers, SerialBlocks_AreScoredFromStreamToStream) {
  const Watched run({serial_block, serial_block}, kSublayers);
  for (size_t i = 0; i < 2; ++i) {
    const at::Tensor middle = run.blocks[i].middle.to(at::kDouble);
    expect_scores(*run.sink.blocks()[i].attention, run.inputs[i].to(at::kDouble), middle);
    expect_scores(*run.sink.blocks()[i].mlp, middle, run.blocks[i].output.to(at::kDouble));
  }
}

TEST(Sublayers, ParallelBlocks_AreBothScoredFromTheInputOfTheBlock) {
  const Watched run({parallel_block, parallel_block}, kSublayers);
  for (size_t i = 0; i < 2; ++i) {
    const at::Tensor x = run.inputs[i].to(at::kDouble);
    expect_scores(*run.sink.blocks()[i].attention, x, x + run.blocks[i].attention);
    expect_scores(*run.sink.blocks()[i].mlp, x, x + run.blocks[i].mlp);
  }
}

TEST(Sublayers, NormsOnTheStream_BelongToTheirSublayer) {
  const Watched run({post_norm_block, post_norm_block}, kSublayers);
  for (size_t i = 0; i < 2; ++i) {
    const at::Tensor middle = run.blocks[i].middle.to(at::kDouble);
    expect_scores(*run.sink.blocks()[i].attention, run.inputs[i].to(at::kDouble), middle);
    expect_scores(*run.sink.blocks()[i].mlp, middle, run.blocks[i].output.to(at::kDouble));
  }
}

TEST(Sublayers, FirstTokensKeptApart_CountAllTheSame) {
  MetricChoice metrics = kSublayers;
  metrics.tokens = true;
  const Watched run({serial_block, parallel_block}, metrics, 500);
  const at::Tensor middle = run.blocks[0].middle.to(at::kDouble);
  expect_scores(*run.sink.blocks()[0].attention, run.inputs[0].to(at::kDouble), middle, 1e-7);
  expect_scores(*run.sink.blocks()[0].mlp, middle, run.blocks[0].output.to(at::kDouble), 1e-7);
  const at::Tensor x = run.inputs[1].to(at::kDouble);
  expect_scores(*run.sink.blocks()[1].attention, x, x + run.blocks[1].attention, 1e-7);
  expect_scores(*run.sink.blocks()[1].mlp, x, x + run.blocks[1].mlp, 1e-7);
}

TEST(Sublayers, OtherGroups_AreTheSameWithAndWithoutThem) {
  MetricChoice metrics{.linearity = true, .baselines = true, .tokens = true};
  const Watched without({serial_block, parallel_block}, metrics);
  metrics.sublayers = true;
  const Watched with({serial_block, parallel_block}, metrics);
  for (size_t i = 0; i < 2; ++i) {
    Json scores = to_json(with.sink.blocks()[i]);
    EXPECT_TRUE(scores.contains("sublayers"));
    scores.erase("sublayers");
    EXPECT_EQ(scores.dump(), to_json(without.sink.blocks()[i]).dump());
  }
}

TEST(Sublayers, SmallParallelUpdate_LosesNothingToTheStream) {
  // An update of 1e-7 of the stream, linear in it: fp32 sums of the two would be noise.
  const auto tiny = [](const at::Tensor& x, uint64_t seed) {
    Block block;
    block.attention = (x.to(at::kDouble).mm(normal(kWidth, kWidth, seed)) * 3e-8).to(at::kFloat);
    block.middle = x;
    block.mlp = block.attention * 2;
    block.output = x + block.attention + block.mlp;
    return block;
  };
  const Watched run({tiny}, kSublayers);
  EXPECT_NEAR(*run.sink.blocks()[0].attention->linearity.update.in_sample.value, 1, 1e-12);
  EXPECT_NEAR(*run.sink.blocks()[0].mlp->linearity.update.held_out.value, 1, 1e-12);
}

TEST(Sublayers, BlockWithoutAttention_SaysSo) {
  const auto mlp_only = [](const at::Tensor& x, uint64_t seed) {
    Block block = parallel_block(x, seed);
    block.attention = at::Tensor();
    block.output = x + block.mlp;
    return block;
  };
  const Watched run({mlp_only}, kSublayers);
  const at::Tensor x = run.inputs[0].to(at::kDouble);
  expect_scores(*run.sink.blocks()[0].mlp, x, x + run.blocks[0].mlp);
  const Json json = to_json(run.sink.blocks()[0]);
  EXPECT_FALSE(json["sublayers"].contains("attention"));
  EXPECT_EQ(json["missing"]["sublayers.attention"], "the block has no such sublayer");
}

TEST(Sublayers, Json_HasTheFiguresOfABlockUnderEachName) {
  MetricChoice metrics = kSublayers;
  metrics.linearity = true;
  const Watched run({serial_block}, metrics);
  const Json block = to_json(run.sink.blocks()[0]);
  for (const char* name : {"attention", "mlp"}) {
    for (const char* key : {"linearity", "cosine", "angular", "block_influence", "norm"}) {
      ASSERT_TRUE(block["sublayers"][name].contains(key)) << key;
      EXPECT_EQ(block["sublayers"][name][key].flatten().size(), block[key].flatten().size()) << key;
    }
  }
  EXPECT_FALSE(block.contains("missing"));
}

}  // namespace
}  // namespace linscan
