// Windows that continue others give what whole windows give, with every feature of attention.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "linscan/model/block.h"

namespace linscan::testing {
namespace {

constexpr int64_t kHidden = 32;
constexpr int64_t kVocabulary = 40;

DecoderConfig plain_config() {
  DecoderConfig config;
  config.hidden = config.embedding = kHidden;
  config.vocabulary = kVocabulary;
  config.mlp = 48;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_size = 8;
  config.max_positions = 1024;
  config.norm = NormKind::kRmsNorm;
  config.norm_bias = false;
  config.per_block.assign(2, {.attention_scale = 0.35});
  return config;
}

DecoderConfig rotary_config(RotaryConfig rotary = {.dimensions = 8}) {
  DecoderConfig config = plain_config();
  config.rotaries = {rotary};
  for (BlockConfig& block : config.per_block) block.rotary = 0;
  return config;
}

BlockWeights random_block(const DecoderConfig& config) {
  const auto linear = [](int64_t out, int64_t in) {
    return pack({at::randn({out, in}) * 0.3, {}});
  };
  const Norm norm{at::rand({kHidden}) + 0.5, {}};
  BlockWeights weights;
  weights.attention_norm = weights.mlp_norm = norm;
  weights.qkv = linear(config.query_size() + 2 * config.key_size(), kHidden);
  weights.output = linear(kHidden, config.query_size());
  weights.mlp.up = linear(config.mlp, kHidden);
  weights.mlp.down = linear(kHidden, config.mlp);
  return weights;
}

// The stream after all blocks, (N, C).
at::Tensor run(const DecoderConfig& config,
               const EmbeddingWeights& embedding,
               const std::vector<BlockWeights>& blocks,
               const at::Tensor& ids,
               const BatchLayout& layout) {
  PositionCache positions(config, at::kFloat, at::kCPU);
  at::Tensor x = forward_embedding(config, embedding, ids, layout, at::kCPU);
  for (size_t block = 0; block < blocks.size(); ++block) {
    x = forward_block(config, static_cast<int64_t>(block), blocks[block], x, layout, positions)
            .resid_post;
  }
  return x;
}

struct Case {
  std::string name;
  DecoderConfig config;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&](
                       const std::string& name,
                       DecoderConfig config,
                       const std::function<void(DecoderConfig&)>& change = [](DecoderConfig&) {}) {
    change(config);
    all.push_back({name, std::move(config)});
  };
  add("rotary", rotary_config());
  add("interleaved_part", rotary_config({.dimensions = 4, .interleaved = true}));
  add("linear_scaling",
      rotary_config({.dimensions = 8, .scaling = RopeScaling::kLinear, .factor = 3.0}));
  add("learned_positions", plain_config(), [](DecoderConfig& c) {
    c.learned_positions = true;
    c.position_offset = 2;
  });
  const std::vector<float> slopes{0.5F, 0.25F, 0.125F, 0.0625F};
  add("alibi", plain_config(), [&](DecoderConfig& c) { c.alibi.slopes = slopes; });
  add("alibi_rounded", plain_config(), [&](DecoderConfig& c) {
    c.alibi = {.slopes = slopes, .scale = 0.5, .rounded = true};
  });
  for (const int64_t window : {1, 5, 40, 200}) {
    add("window_" + std::to_string(window), rotary_config(), [&](DecoderConfig& c) {
      c.per_block[1].window = window;
    });
  }
  add("soft_cap", rotary_config(), [](DecoderConfig& c) { c.attention_cap = 2.0; });
  add("soft_cap_window", rotary_config(), [](DecoderConfig& c) {
    c.attention_cap = 2.0;
    c.per_block[0].window = 9;
  });
  add("parallel", rotary_config(), [](DecoderConfig& c) { c.residual = ResidualKind::kParallel; });
  add("parallel_one_norm", rotary_config(), [](DecoderConfig& c) {
    c.residual = ResidualKind::kParallelOneNorm;
  });
  return all;
}

class SharedPrefix : public ::testing::TestWithParam<Case> {};

// One beginning of 150 tokens; a continuation of it with one of its own; three further ones, two of
// them of one length; and a window that has nothing to do with them.
TEST_P(SharedPrefix, Continuations_EqualWholeWindows) {
  const DecoderConfig& config = GetParam().config;
  at::manual_seed(11);
  EmbeddingWeights embedding;
  embedding.tokens = at::randn({kVocabulary, kHidden});
  if (config.learned_positions) {
    embedding.positions = at::randn({config.max_positions + config.position_offset, kHidden});
  }
  const std::vector<BlockWeights> blocks{random_block(config), random_block(config)};
  const std::vector<int64_t> lengths{150, 7, 20, 3, 3, 140, 1};
  constexpr int64_t kNone = BatchLayout::kNoPrefix;
  const std::vector<int64_t> prefixes{kNone, kNone, 0, 0, 0, 0, 2};
  const int64_t rows = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  const at::Tensor ids = at::randint(kVocabulary, {rows}, at::kLong);
  const BatchLayout layout(lengths, prefixes);
  const at::Tensor shared = run(config, embedding, blocks, ids, layout);

  std::vector<int64_t> first{0};
  for (const int64_t length : lengths) first.push_back(first.back() + length);
  for (size_t w = 0; w < lengths.size(); ++w) {
    std::vector<at::Tensor> parts{ids.slice(0, first[w], first[w + 1])};
    for (int64_t p = prefixes[w]; p != kNone; p = prefixes[static_cast<size_t>(p)]) {
      const auto at = static_cast<size_t>(p);
      parts.insert(parts.begin(), ids.slice(0, first[at], first[at + 1]));
    }
    const at::Tensor whole_ids = at::cat(parts);
    const at::Tensor whole =
        run(config, embedding, blocks, whole_ids, BatchLayout({whole_ids.numel()}));
    const at::Tensor expected = whole.slice(0, whole.size(0) - lengths[w]);
    const at::Tensor gap = (shared.slice(0, first[w], first[w + 1]) - expected).abs().max();
    EXPECT_LT(gap.item<double>(), 2e-4 * expected.abs().max().item<double>()) << "window " << w;
  }
}

INSTANTIATE_TEST_SUITE_P(Features,
                         SharedPrefix,
                         ::testing::ValuesIn(cases()),
                         [](const auto& feature) { return feature.param.name; });

TEST(BatchLayout, ChainOfPrefixes_KeysAreTheirRowsInOrder) {
  const BatchLayout layout({2, 1, 3}, {BatchLayout::kNoPrefix, 0, 1});
  ASSERT_EQ(layout.runs().size(), 3U);
  const at::Tensor& keys = layout.runs()[2].keys;
  EXPECT_TRUE(at::equal(keys, at::tensor({0, 1, 2, 3, 4, 5}, at::kLong)));
  EXPECT_EQ(layout.runs()[2].prefix, 3);
  EXPECT_FALSE(layout.runs()[0].keys.defined());
}

TEST(BatchLayout, WithoutPrefixes_HasNone) {
  const BatchLayout layout({4, 4, 2});
  EXPECT_FALSE(layout.has_prefixes());
  EXPECT_EQ(layout.runs().size(), 2U);
  EXPECT_EQ(layout.runs()[0].windows, 2);
}

TEST(BatchLayout, PrefixBehindItsWindow_IsRefused) {
  EXPECT_THROW(BatchLayout({2, 2}, {1, BatchLayout::kNoPrefix}), c10::Error);
}

TEST(RotaryDependsOnLength, OnlyPastTheOriginalContext) {
  const DecoderConfig dynamic = rotary_config(
      {.dimensions = 8, .scaling = RopeScaling::kDynamic, .factor = 2.0, .original_positions = 64});
  EXPECT_FALSE(rotary_depends_on_length(dynamic, 64));
  EXPECT_TRUE(rotary_depends_on_length(dynamic, 65));
  EXPECT_FALSE(rotary_depends_on_length(rotary_config(), 1 << 20));
}

TEST(PositionCache, LongerWindowLater_GivesTheSameTables) {
  DecoderConfig config = rotary_config();
  config.alibi.slopes = {0.5F, 0.25F, 0.125F, 0.0625F};
  PositionCache fresh(config, at::kFloat, at::kCPU);
  PositionCache grown(config, at::kFloat, at::kCPU);
  grown.rotary(0, 0, 10);
  grown.alibi(10);
  EXPECT_TRUE(at::equal(fresh.rotary(0, 0, 57).cos, grown.rotary(0, 0, 57).cos));
  EXPECT_TRUE(at::equal(fresh.rotary(0, 0, 57).sin.slice(0, 20), grown.rotary(0, 20, 37).sin));
  EXPECT_TRUE(at::equal(fresh.alibi(57), grown.alibi(57)));
}

}  // namespace
}  // namespace linscan::testing
