#include "linscan/edit/selection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "linscan/base/error.h"
#include "linscan/edit/edit_job.h"
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

TEST_F(Selection, SeveralRecipes_TheCheapestIsTaken) {
  request_.recipes = {{Method::kRemove, {}}, {Method::kRefit, {}}};
  request_.count = 1;
  request_.criterion = Criterion::kLoss;
  const EditDecision decision = decide(*model_, windows_, request_);
  ASSERT_EQ(decision.searches.size(), 2U);
  double least = std::numeric_limits<double>::infinity();
  for (const Search& search : decision.searches) {
    least = std::min(least, search.best(1).measure.cross_entropy);
    if (search.recipe.label() == decision.recipe.label()) {
      EXPECT_EQ(search.best(1).blocks, decision.blocks);
    }
  }
  for (const Search& search : decision.searches) {
    if (search.recipe.label() == decision.recipe.label()) {
      EXPECT_EQ(search.best(1).measure.cross_entropy, least);
    }
  }
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
