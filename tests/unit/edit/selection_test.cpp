#include "linscan/edit/selection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "linscan/base/error.h"
#include "linscan/edit/edit_job.h"
#include "linscan/edit/finalists.h"
#include "unit/analyze/test_windows.h"
#include "unit/analyze/tiny_llama.h"

namespace linscan {
namespace {

TokenWindows stories() {
  std::vector<WindowSpec> specs;
  for (int32_t document = 0; document < 40; ++document) {
    specs.push_back({24, document});
  }
  return make_windows(specs, kVocabulary);
}

class Selection : public ::testing::Test {
 protected:
  Selection() : windows_(stories(), std::nullopt, 0) {
    write_llama(folder_);
    model_.emplace(open_model(folder_.path()));
    request_.variants.memory_limit = int64_t{4} << 30;
    request_.folds = 3;
  }

  EditDecision decide_with(Method method, int64_t count, Criterion criterion) {
    request_.recipes = {{method, {}}};
    request_.count = count;
    request_.criterion = criterion;
    return decide(*model_, windows_, request_);
  }

  testing::TemporaryFolder folder_;
  std::optional<Model> model_;
  EditWindows windows_;
  EditRequest request_;
};

// Every set of the kept blocks, as plans of their own.
TEST_F(Selection, WideBeam_TriesEverySetAndPutsTheBestFirst) {
  const std::vector<std::vector<int64_t>> pairs = {{0, 1}, {0, 2}, {1, 2}};
  const EditData data = windows_.for_search();
  for (const Method method : {Method::kRemove, Method::kLinear}) {
    const Recipe recipe{method, {}};
    std::vector<EditPlan> plans;
    for (const std::vector<int64_t>& pair : pairs) {
      plans.push_back(recipe.on(pair));
    }
    const VariantRun run = run_variants(*model_, data, plans, request_.variants);
    std::map<std::vector<int64_t>, double> losses;
    for (size_t i = 0; i < pairs.size(); ++i) {
      losses[pairs[i]] = run.variants[i].measure.cross_entropy;
    }
    const Search search =
        search_by_loss(
            *model_, data, {&recipe, 1}, {.count = 2, .beam = 10, .variants = request_.variants})
            .front();
    const std::vector<Trial>& trials = search.rounds.back().trials;
    ASSERT_EQ(trials.size(), losses.size());
    for (const Trial& trial : trials) {
      EXPECT_EQ(trial.measure.cross_entropy, losses.at(trial.blocks)) << name(method);
      EXPECT_GE(trial.measure.cross_entropy, trials.front().measure.cross_entropy);
    }
  }
}

TEST_F(Selection, NarrowBeam_GrowsTheBestSetOnly) {
  const Recipe recipe{Method::kRemove, {}};
  const Search search = search_by_loss(*model_,
                                       windows_.for_search(),
                                       {&recipe, 1},
                                       {.count = 2, .beam = 1, .variants = request_.variants})
                            .front();
  const int64_t first = search.best(1).blocks.front();
  ASSERT_EQ(search.rounds.back().trials.size(), 2U);
  for (const Trial& trial : search.rounds.back().trials) {
    EXPECT_NE(std::ranges::find(trial.blocks, first), trial.blocks.end());
  }
}

TEST_F(Selection, EveryCriterion_NamesAsManyEditableBlocks) {
  for (const Criterion criterion : {Criterion::kLoss,
                                    Criterion::kLinearity,
                                    Criterion::kUpdate,
                                    Criterion::kCosine,
                                    Criterion::kAngular,
                                    Criterion::kReverse,
                                    Criterion::kRandom}) {
    const EditDecision decision = decide_with(Method::kFold, 2, criterion);
    EXPECT_EQ(decision.blocks, (std::vector<int64_t>{1, 2})) << name(criterion);
    EXPECT_NE(decision.protected_blocks.find("block 0"), std::string::npos);
  }
  EXPECT_THROW(decide_with(Method::kFold, 3, Criterion::kUpdate), Error);
}

TEST_F(Selection, Reverse_TakesTheLastBlocks) {
  EXPECT_EQ(decide_with(Method::kRemove, 1, Criterion::kReverse).blocks, std::vector<int64_t>{2});
}

TEST_F(Selection, Rescoring_StartsWithTheSameBlock) {
  const EditDecision once = decide_with(Method::kRemove, 1, Criterion::kCosine);
  request_.rescore = true;
  const EditDecision two = decide_with(Method::kRemove, 2, Criterion::kCosine);
  EXPECT_TRUE(std::ranges::find(two.blocks, once.blocks.front()) != two.blocks.end());
}

// Measured on every part of the text after a fit to the others: the one that costs least is taken.
TEST_F(Selection, SeveralRecipes_TheCheapestOnAllPartsIsTaken) {
  request_.recipes = {{Method::kRemove, {}}, {Method::kLinear, {}}};
  request_.blocks = {2};
  const EditDecision decision = decide(*model_, windows_, request_);
  ASSERT_EQ(decision.finalists.size(), 2U);
  double best = std::numeric_limits<double>::infinity();
  for (const Finalist& finalist : decision.finalists) {
    const EditPlan plan = finalist.candidate.recipe.on(finalist.candidate.blocks);
    double loss = 0;
    int64_t tokens = 0;
    for (int64_t fold = 0; fold < windows_.folds(); ++fold) {
      const VariantRun run =
          run_variants(*model_, windows_.for_fold(fold), {&plan, 1}, request_.variants);
      const Measure& part = run.variants.front().measure;
      loss += part.cross_entropy * static_cast<double>(part.tokens);
      tokens += part.tokens;
    }
    EXPECT_EQ(finalist.measure.tokens, tokens);
    EXPECT_NEAR(finalist.measure.cross_entropy, loss / static_cast<double>(tokens), 1e-6);
    EXPECT_GT(finalist.measure.cross_entropy_error, 0);
    if (finalist.measure.cross_entropy < best) {
      best = finalist.measure.cross_entropy;
    }
  }
  EXPECT_EQ(decision.finalists.front().measure.cross_entropy, best);
  EXPECT_EQ(decision.finalists.front().candidate.blocks, decision.blocks);
  EXPECT_EQ(decision.finalists.front().candidate.recipe.label(), decision.recipe.label());
}

TEST_F(Selection, EveryCount_IsWhatOneDecisionOfThatCountTakes) {
  request_.recipes = {{Method::kRemove, {}}};
  request_.count = 2;
  const std::vector<EditDecision> every = decide_every_count(*model_, windows_, request_);
  ASSERT_EQ(every.size(), 2U);
  for (int64_t count = 1; count <= 2; ++count) {
    EXPECT_EQ(every[static_cast<size_t>(count - 1)].blocks,
              decide_with(Method::kRemove, count, Criterion::kLoss).blocks);
  }
}

TEST(CloseCandidates, AreWithinATenthOfANat_AtMostEight) {
  const auto search = [](const char* seed, std::vector<double> losses) {
    Search made{{Method::kRemove, {}}, {Round{}}};
    made.recipe.how.target = *seed == 'o' ? Target::kOwn : Target::kDense;
    for (size_t i = 0; i < losses.size(); ++i) {
      made.rounds.front().trials.push_back(
          {{static_cast<int64_t>(i)}, {.cross_entropy = losses[i]}});
    }
    return made;
  };
  const std::vector<Search> two = {search("dense", {2.00, 2.15, 2.2}), search("own", {1.99, 2.08})};
  const std::vector<Candidate> close = close_candidates(two, 1);
  ASSERT_EQ(close.size(), 3U);
  EXPECT_EQ(close[0].recipe.how.target, Target::kOwn);
  EXPECT_EQ(close[1].recipe.how.target, Target::kDense);
  EXPECT_EQ(close[2].blocks, std::vector<int64_t>{1});
  EXPECT_EQ(close[2].recipe.how.target, Target::kOwn);
  const std::vector<Search> many = {search("dense", std::vector<double>(20, 2.0))};
  EXPECT_EQ(close_candidates(many, 1).size(), 8U);
}

TEST(HighestScores, Order_IsByScoreThenDepth) {
  const double none = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(highest_scores({0.1, 0.9, none, 0.9}, {0, 1, 2, 3}, 4),
            (std::vector<int64_t>{3, 1, 0, 2}));
  EXPECT_EQ(highest_scores({0.1, 0.9, 0.5}, {0, 2}, 1), std::vector<int64_t>{2});
  EXPECT_THROW(highest_scores({0.1, 0.9}, {1}, 2), Error);
}

}  // namespace
}  // namespace linscan
