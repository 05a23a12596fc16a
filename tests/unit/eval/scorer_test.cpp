#include "linscan/eval/scorer.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "linscan/base/error.h"
#include "linscan/base/random.h"
#include "linscan/base/system.h"
#include "linscan/model/block.h"
#include "linscan/model/model.h"
#include "unit/analyze/tiny_llama.h"

namespace linscan {
namespace {

// Requests of all lengths, many with a common beginning.
std::vector<ScoreRequest> some_requests() {
  Random random(5);
  std::vector<ScoreRequest> requests;
  const auto draw = [&](int64_t count) {
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < count; ++i) {
      ids.push_back(static_cast<int32_t>(random.below(kVocabulary)));
    }
    return ids;
  };
  for (int i = 0; i < 20; ++i) {
    const std::vector<int32_t> beginning = draw(1 + static_cast<int64_t>(random.below(90)));
    for (int k = 0; k < 4; ++k) {
      std::vector<int32_t> ids = beginning;
      const std::vector<int32_t> own = draw(1 + static_cast<int64_t>(random.below(12)));
      ids.insert(ids.end(), own.begin(), own.end());
      requests.push_back({std::move(ids), static_cast<int64_t>(own.size()), true});
    }
  }
  return requests;
}

// One request by itself, the plain way.
ScoredRequest score_alone(const Model& model, const ScoreRequest& request) {
  const WeightLoader loader(model.weights, model.config, at::kFloat, at::kCPU);
  const auto length = static_cast<int64_t>(request.ids.size()) - 1;
  const BatchLayout layout({length});
  PositionCache positions(model.config, at::kFloat, at::kCPU);
  const at::Tensor ids = at::tensor(request.ids, at::kInt).to(at::kLong);
  at::Tensor x = forward_embedding(
      model.config, loader.embedding(), ids.slice(0, 0, length), layout, at::kCPU);
  for (int64_t block = 0; block < model.config.blocks(); ++block) {
    x = forward_block(model.config, block, loader.block(block), x, layout, positions).resid_post;
  }
  const at::Tensor logits = forward_head(
      model.config, loader.head(), forward_final_norm(model.config, loader.final_norm(), x));
  const at::Tensor shares = at::log_softmax(logits, -1).slice(0, length - request.scored);
  const at::Tensor targets = ids.slice(0, length + 1 - request.scored);
  return {shares.gather(1, targets.unsqueeze(1)).sum(at::kDouble).item<double>(),
          at::equal(shares.argmax(-1), targets)};
}

class ScorerTest : public ::testing::Test {
 protected:
  ScorerTest() {
    write_llama(folder_);
    model_ = std::make_unique<Model>(open_model(folder_.path()));
    loader_ = std::make_unique<WeightLoader>(model_->weights, model_->config, at::kFloat, at::kCPU);
  }

  testing::TemporaryFolder folder_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<WeightLoader> loader_;
};

TEST_F(ScorerTest, Score_EqualsEveryRequestByItself) {
  const std::vector<ScoreRequest> requests = some_requests();
  Scorer scorer(model_->config, *loader_);
  const std::vector<ScoredRequest> scores = scorer.score(requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    const ScoredRequest alone = score_alone(*model_, requests[i]);
    EXPECT_NEAR(scores[i].log_likelihood, alone.log_likelihood, 2e-4) << i;
    EXPECT_EQ(scores[i].greedy, alone.greedy) << i;
  }
  int64_t whole = 0;
  for (const ScoreRequest& request : requests)
    whole += static_cast<int64_t>(request.ids.size()) - 1;
  EXPECT_LT(scorer.rows_fed(), whole / 2);
}

TEST_F(ScorerTest, BatchSize_DoesNotMoveScores) {
  const std::vector<ScoreRequest> requests = some_requests();
  Scorer large(model_->config, *loader_);
  const std::vector<ScoredRequest> expected = large.score(requests);
  for (const int64_t rows : {1, 100, 500}) {
    Scorer small(model_->config, *loader_, {.batch_rows = rows});
    const std::vector<ScoredRequest> scores = small.score(requests);
    for (size_t i = 0; i < requests.size(); ++i) {
      EXPECT_NEAR(scores[i].log_likelihood, expected[i].log_likelihood, 1e-4);
    }
  }
}

TEST_F(ScorerTest, SameRequestTwice_GetsTheSameBits) {
  std::vector<ScoreRequest> requests = some_requests();
  requests.push_back(requests.front());
  Scorer scorer(model_->config, *loader_);
  const std::vector<ScoredRequest> scores = scorer.score(requests);
  EXPECT_EQ(scores.front().log_likelihood, scores.back().log_likelihood);
  const std::vector<ScoredRequest> again = scorer.score(requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(scores[i].log_likelihood, again[i].log_likelihood);
  }
}

TEST_F(ScorerTest, MemoryLimitTooSmall_SaysWhatIsNeeded) {
  const std::vector<ScoreRequest> requests = some_requests();
  Scorer scorer(model_->config, *loader_, {.memory_limit = 1 << 20});
  try {
    scorer.score(requests);
    FAIL() << "1 MiB cannot be enough";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("--memory-limit 1.00 MiB is too small"));
  }
}

TEST_F(ScorerTest, Compare_WithItself_IsNoDistance) {
  const std::vector<ScoreRequest> requests = some_requests();
  Scorer first(model_->config, *loader_);
  Scorer second(model_->config, *loader_);
  const std::vector<ComparedRequest> compared = Scorer::compare(first, second, requests);
  const std::vector<ScoredRequest> scores = second.score(requests);
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_NEAR(compared[i].kl, 0, 1e-9);
    EXPECT_EQ(compared[i].agreements, requests[i].scored);
    EXPECT_NEAR(compared[i].score.log_likelihood, scores[i].log_likelihood, 1e-9);
  }
}

TEST_F(ScorerTest, NoRequests_NoScores) {
  Scorer scorer(model_->config, *loader_);
  EXPECT_TRUE(scorer.score({}).empty());
}

TEST(Scorer, WeightThatIsNotFinite_IsNamed) {
  const testing::TemporaryFolder folder;
  write_llama(folder, "model.layers.1.mlp.up_proj.weight");
  const Model model = open_model(folder.path());
  const WeightLoader loader(model.weights, model.config, at::kFloat, at::kCPU);
  Scorer scorer(model.config, loader);
  try {
    scorer.score(some_requests());
    FAIL() << "a NaN went through";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kNumeric);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("model.layers.1.mlp.up_proj.weight"));
  }
}

}  // namespace
}  // namespace linscan
