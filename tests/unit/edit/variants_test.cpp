#include "linscan/edit/variants.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "linscan/base/error.h"
#include "linscan/edit/damage.h"
#include "linscan/edit/edit_data.h"
#include "linscan/edit/selection.h"
#include "linscan/eval/verification.h"
#include "linscan/model/model_writer.h"
#include "unit/analyze/test_windows.h"
#include "unit/analyze/tiny_llama.h"

namespace linscan {
namespace {

TokenWindows stories() {
  std::vector<WindowSpec> specs;
  for (int32_t document = 0; document < 30; ++document) {
    specs.push_back({20, document});
    specs.push_back({5 + document % 9, document});
  }
  return make_windows(specs, kVocabulary);
}

class Variants : public ::testing::Test {
 protected:
  Variants() {
    write_llama(folder_);
    model_.emplace(open_model(folder_.path()));
    windows_ = stories();
    data_ = {&windows_, {}};
    for (size_t w = 0; w < windows_.windows.size(); ++w) {
      data_.roles.push_back(w % 5 == 0 ? Role::kMeasure : Role::kFit);
    }
    options_.memory_limit = int64_t{4} << 30;
  }

  Variant run(const EditPlan& plan) const {
    return run_variants(*model_, data_, {&plan, 1}, options_).variants.front();
  }

  static EditPlan plan_of(Method method, std::vector<int64_t> blocks) {
    return Recipe{method, {}}.on(blocks);
  }

  testing::TemporaryFolder folder_;
  std::optional<Model> model_;
  TokenWindows windows_;
  EditData data_;
  VariantOptions options_;
};

constexpr Method kAll[] = {Method::kRemove,
                           Method::kFold,
                           Method::kRefit,
                           Method::kLinear,
                           Method::kLinearAttention,
                           Method::kNoAttention};

void expect_same(const Variant& a, const Variant& b) {
  EXPECT_EQ(a.measure.cross_entropy, b.measure.cross_entropy);
  EXPECT_EQ(a.measure.kl, b.measure.kl);
  ASSERT_EQ(a.model.weights.size(), b.model.weights.size());
  for (const auto& [key, weight] : a.model.weights) {
    EXPECT_TRUE(at::equal(weight, b.model.weights.at(key))) << name(key.slot);
  }
}

TEST_F(Variants, NoOperation_ChangesNothing) {
  const Variant same = run({});
  EXPECT_EQ(same.measure.kl, 0);
  EXPECT_EQ(same.measure.top1, 1);
  EXPECT_EQ(same.model.blocks, (std::vector<int64_t>{0, 1, 2}));
  EXPECT_TRUE(same.model.weights.empty());
}

TEST_F(Variants, PlansTogether_GiveWhatEachGivesAlone) {
  std::vector<EditPlan> plans;
  for (const Method method : kAll) {
    plans.push_back(plan_of(method, {1}));
    plans.push_back(plan_of(method, {1, 2}));
  }
  plans.push_back(plan_of(Method::kRefit, {1}));
  plans.back().sweep = true;
  plans.push_back(plan_of(Method::kLinear, {1}));
  plans.back().target = Target::kOwn;
  const VariantRun together = run_variants(*model_, data_, plans, options_);
  for (size_t i = 0; i < plans.size(); ++i) {
    SCOPED_TRACE(to_json(plans[i]).dump());
    expect_same(together.variants[i], run(plans[i]));
  }
}

TEST_F(Variants, LittleMemory_GivesTheSame) {
  std::vector<EditPlan> plans;
  for (const Method method : kAll) {
    plans.push_back(plan_of(method, {1}));
  }
  VariantOptions little = options_;
  little.memory_limit = 1;
  const VariantRun roomy = run_variants(*model_, data_, plans, options_);
  const VariantRun spilled = run_variants(*model_, data_, plans, little);
  for (size_t i = 0; i < plans.size(); ++i) {
    expect_same(roomy.variants[i], spilled.variants[i]);
  }
}

TEST_F(Variants, WrittenModel_IsTheOneInMemory) {
  for (const Method method : kAll) {
    SCOPED_TRACE(name(method));
    const Variant edited = run(plan_of(method, {1}));
    const testing::TemporaryFolder out;
    const bool stock = why_not(edited.model, ExportForm::kStock).empty();
    EXPECT_EQ(stock, method == Method::kRemove || replaces_down_projection(method));
    write_model(edited.model, out / "model", stock ? ExportForm::kStock : ExportForm::kRemoteCode);
    const Verification verification =
        verify_written(edited.model, out / "model", windows_, at::kFloat, at::kCPU);
    EXPECT_EQ(verification.largest_logit_difference, 0);
    EXPECT_GT(verification.tokens, 100);
  }
}

TEST_F(Variants, BetterFit_HasLessLeft) {
  // In sample, a wider class of maps never explains less.
  const auto left = [&](Method method, MapChoice map) {
    EditPlan plan = plan_of(method, {1});
    plan.map = map;
    return run(plan).fits.front().unexplained;
  };
  const double affine = left(Method::kLinear, {});
  for (const MapChoice& map : {MapChoice{MapKind::kDiagonal},
                               MapChoice{MapKind::kScale},
                               MapChoice{MapKind::kOrthogonal},
                               MapChoice{MapKind::kRank, 2}}) {
    EXPECT_LT(affine, left(Method::kLinear, map)) << name(map);
  }
  // A map behind the projection is one of the projections that refit chooses from.
  EXPECT_LE(left(Method::kRefit, {}), left(Method::kFold, {}));
}

TEST_F(Variants, SweptProjections_AreThoseOfAllLaterBlocks) {
  EditPlan plan = plan_of(Method::kFold, {1});
  plan.sweep = true;
  const Variant edited = run(plan);
  ASSERT_EQ(edited.fits.size(), 2U);
  EXPECT_EQ(edited.fits[0].block, 0);
  EXPECT_EQ(edited.fits[1].block, 2);
  EXPECT_TRUE(edited.model.weights.contains({0, Slot::kDownWeight, 0}));
  EXPECT_TRUE(edited.model.weights.contains({2, Slot::kDownWeight, 0}));
}

TEST_F(Variants, OwnTarget_OfTheFirstEditIsTheDenseOne) {
  // Nothing was edited before, so what the block makes of the stream is what it makes in the model.
  EditPlan own = plan_of(Method::kLinear, {1});
  own.target = Target::kOwn;
  const Variant a = run(own);
  const Variant b = run(plan_of(Method::kLinear, {1}));
  EXPECT_NEAR(a.measure.cross_entropy, b.measure.cross_entropy, 1e-9);
}

TEST_F(Variants, TooFewTokens_AreRefusedWithoutRidge) {
  for (size_t w = 0; w < data_.roles.size(); ++w) {
    data_.roles[w] = w == 1 ? Role::kFit : Role::kMeasure;  // 5 tokens
  }
  EditPlan plan = plan_of(Method::kLinear, {1});
  EXPECT_THROW(run(plan), Error);
  plan.map.ridge = 0.1;
  EXPECT_GT(run(plan).measure.tokens, 0);
}

TEST_F(Variants, Damage_IsThatOfTheSameEdits) {
  Json result = {{"blocks", {Json::object(), Json::object(), Json::object()}}};
  DamageOptions options;
  options.variants = options_;
  add_damage(*model_, windows_, options, result);
  for (const Json& block : result["blocks"]) {
    for (const char* edit : {"remove", "linear"}) {
      EXPECT_GE(block["damage"][edit]["kl"].get<double>(), 0);
      EXPECT_LE(block["damage"][edit]["top1"].get<double>(), 1);
    }
  }
  EXPECT_GT(result["damage"]["dense"]["perplexity"].get<double>(), 1);
  EXPECT_TRUE(result["damage"].contains("rank_correlation"));
}

TEST(EditWindows, EvaluationText_IsNeverFittedTo) {
  const EditWindows held_out(stories(), std::nullopt, 0);
  const EditData search = held_out.for_search();
  const EditData edit = held_out.for_edit();
  int64_t measured = 0;
  for (size_t w = 0; w < edit.roles.size(); ++w) {
    if (edit.roles[w] == Role::kMeasure) {
      ++measured;
      EXPECT_EQ(search.roles[w], Role::kUnused);
    }
  }
  EXPECT_GT(measured, 0);
  EXPECT_GT(search.measured_tokens(), 0);
  // Every calibration window is measured in one fold, and fitted to in all others.
  ASSERT_EQ(held_out.folds(), 5);
  for (size_t w = 0; w < edit.roles.size(); ++w) {
    int64_t fitted = 0, measured_in = 0;
    for (int64_t fold = 0; fold < held_out.folds(); ++fold) {
      const Role role = held_out.for_fold(fold).roles[w];
      fitted += role == Role::kFit;
      measured_in += role == Role::kMeasure;
    }
    const bool calibration = edit.roles[w] == Role::kFit;
    EXPECT_EQ(fitted, calibration ? 4 : 0);
    EXPECT_EQ(measured_in, calibration ? 1 : 0);
  }
  const EditWindows given(stories(), stories(), 0);
  EXPECT_EQ(given.for_edit().fit_tokens(), given.for_edit().measured_tokens());
}

}  // namespace
}  // namespace linscan
