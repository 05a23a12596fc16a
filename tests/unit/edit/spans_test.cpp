// All spans of a model from one pass.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "edit/pass.h"
#include "edit/pass_memory.h"
#include "linscan/edit/spans.h"
#include "linscan/edit/variants.h"
#include "unit/analyze/test_windows.h"
#include "unit/analyze/tiny_llama.h"

namespace linscan {
namespace {

TokenWindows many_windows() {
  std::vector<WindowSpec> specs;
  for (int32_t document = 0; document < 40; ++document) {
    specs.push_back({20 + document % 3, document});
  }
  return make_windows(specs, kVocabulary);
}

class Spans : public ::testing::Test {
 protected:
  Spans() {
    write_llama(folder_);
    model_.emplace(open_model(folder_.path()));
    windows_ = many_windows();
    data_ = {&windows_, {}};
    for (size_t w = 0; w < windows_.windows.size(); ++w) {
      data_.roles.push_back(w % 4 == 0 ? Role::kMeasure : Role::kFit);
    }
    options_.memory_limit = int64_t{4} << 30;
  }

  std::vector<EditPlan> all_spans(Method method) const {
    return span_plans(model_->config, method, model_->config.blocks());
  }

  testing::TemporaryFolder folder_;
  std::optional<Model> model_;
  TokenWindows windows_;
  EditData data_;
  VariantOptions options_;
};

void expect_close(const Variant& a, const Variant& b) {
  ASSERT_EQ(a.fits.size(), 1U);
  ASSERT_EQ(b.fits.size(), 1U);
  EXPECT_EQ(a.fits[0].rank, b.fits[0].rank);
  EXPECT_NEAR(a.fits[0].unexplained, b.fits[0].unexplained, 1e-9 * b.fits[0].unexplained);
  EXPECT_NEAR(a.measure.kl, b.measure.kl, 1e-9 + 1e-6 * b.measure.kl);
  ASSERT_EQ(a.model.weights.size(), b.model.weights.size());
  for (const auto& [key, weight] : a.model.weights) {
    EXPECT_TRUE(at::allclose(weight, b.model.weights.at(key), 1e-6, 1e-7)) << name(key.slot);
  }
}

TEST_F(Spans, FromOnePass_AreThoseFittedAlone) {
  for (const Method method : {Method::kLinear, Method::kFold, Method::kRefit}) {
    const std::vector<EditPlan> plans = all_spans(method);
    ASSERT_GE(plans.size(), 3U);
    const VariantRun together = run_variants(*model_, data_, plans, options_);
    for (size_t i = 0; i < plans.size(); ++i) {
      SCOPED_TRACE(to_json(plans[i]).dump());
      expect_close(together.variants[i],
                   run_variants(*model_, data_, {&plans[i], 1}, options_).variants.front());
    }
  }
}

TEST_F(Spans, WithRidgeAndTargetsMixed_DoNotDisturbEachOther) {
  std::vector<EditPlan> plans;
  for (const double ridge : {0.0, 0.1}) {
    for (EditPlan plan : all_spans(Method::kLinear)) {
      plan.map.ridge = ridge;
      plans.push_back(plan);
      plan.target = Target::kOwn;
      plans.push_back(plan);
      plan.normed_maps = true;
      plans.push_back(plan);
    }
  }
  const VariantRun together = run_variants(*model_, data_, plans, options_);
  for (size_t i = 0; i < plans.size(); ++i) {
    SCOPED_TRACE(to_json(plans[i]).dump());
    expect_close(together.variants[i],
                 run_variants(*model_, data_, {&plans[i], 1}, options_).variants.front());
  }
}

TEST_F(Spans, WithoutWeights_AreMeasuredTheSame) {
  const std::vector<EditPlan> plans = all_spans(Method::kLinear);
  VariantOptions light = options_;
  light.keep_weights = false;
  const VariantRun with = run_variants(*model_, data_, plans, options_);
  const VariantRun without = run_variants(*model_, data_, plans, light);
  for (size_t i = 0; i < plans.size(); ++i) {
    EXPECT_EQ(with.variants[i].measure.kl, without.variants[i].measure.kl);
    EXPECT_EQ(with.variants[i].fits[0].unexplained, without.variants[i].fits[0].unexplained);
    EXPECT_TRUE(without.variants[i].model.weights.empty());
  }
}

TEST_F(Spans, WithoutMeasuredWindows_AreFittedTheSame) {
  const std::vector<EditPlan> plans = all_spans(Method::kLinear);
  const VariantRun measured = run_variants(*model_, data_, plans, options_);
  std::ranges::replace(data_.roles, Role::kMeasure, Role::kUnused);
  const VariantRun fitted = run_variants(*model_, data_, plans, options_);
  for (size_t i = 0; i < plans.size(); ++i) {
    EXPECT_EQ(fitted.variants[i].measure.tokens, 0);
    EXPECT_NEAR(
        fitted.variants[i].fits[0].unexplained, measured.variants[i].fits[0].unexplained, 1e-9);
  }
}

TEST_F(Spans, AddedToAResult_HaveHeldOutScoresAndDamage) {
  SpanOptions options;
  options.longest = 2;
  options.damage = true;
  options.variants = options_;
  Json result = Json::object();
  add_spans(*model_, windows_, options, result);
  const Json& spans = result["spans"];
  ASSERT_EQ(spans["maps"].size(), 5U);  // of three blocks: 0:1, 0:2, 1:2, 1:3, 2:3
  for (const Json& map : spans["maps"]) {
    EXPECT_LE(map["update"]["in_sample"].get<double>(), 1);
    EXPECT_NEAR(
        map["update"]["held_out"].get<double>(), map["update"]["in_sample"].get<double>(), 0.2);
    EXPECT_GT(map["damage"]["kl"].get<double>(), 0);
  }
  options.damage = false;
  Json light = Json::object();
  add_spans(*model_, windows_, options, light);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(light["spans"]["maps"][i]["update"], spans["maps"][i]["update"]);
    EXPECT_FALSE(light["spans"]["maps"][i].contains("damage"));
  }
}

TEST_F(Spans, TokenErrors_AreThoseOfTheMap) {
  options_.held_out = true;
  EditPlan plan;
  plan.operations = {{Method::kLinear, 0, 1}};
  const Variant variant = run_variants(*model_, data_, {&plan, 1}, options_).variants.front();
  const TokenErrors& errors = variant.fits[0].held_out->errors;
  const at::Tensor weight = variant.model.weights.at(WeightKey{0, Slot::kMapWeight});
  const at::Tensor bias = variant.model.weights.at(WeightKey{0, Slot::kMapBias});
  EditPass pass(*model_, data_, options_, /*spill=*/false);
  const StreamPtr entry = pass.embed();
  const PlacedBlock block{model_->config.per_block[0],
                          std::make_shared<const BlockWeights>(pass.loader().block(0))};
  const auto size = [](const at::Tensor& rows) { return rows.square().sum(1).sqrt(); };
  std::vector<at::Tensor> of_target, of_missing;
  pass.for_measured_batches([&](const EditBatch& batch) {
    const at::Tensor x = entry->load(batch, at::kCPU);
    const at::Tensor goal = pass.forward(block, x, batch).resid_post;
    const at::Tensor missed = goal - (x + x.mm(weight.to(at::kFloat).t()) + bias.to(at::kFloat));
    of_target.push_back(size(missed) / size(goal));
    of_missing.push_back(size(missed) / size(goal - x));
  });
  const auto expect_equal = [](const std::vector<float>& got, const at::Tensor& expected) {
    ASSERT_EQ(static_cast<int64_t>(got.size()), expected.numel());
    EXPECT_TRUE(at::allclose(at::tensor(got), expected, 1e-3, 1e-5));
    EXPECT_GT(expected.min().item<float>(), 1e-3);
  };
  expect_equal(errors.of_target, at::cat(of_target));
  expect_equal(errors.of_missing, at::cat(of_missing));
}

TEST_F(Spans, Memory_CountsSharedStreamsOnce) {
  const std::vector<EditPlan> plans = all_spans(Method::kLinear);
  VariantOptions light = options_;
  light.keep_weights = false;
  light.predictions = false;
  const PassMemory memory(*model_, data_, plans, light);
  const int64_t stream = 4 * model_->config.hidden * static_cast<int64_t>(windows_.ids.size());
  const int64_t one = memory.bytes(0, 1, false);
  const int64_t all = memory.bytes(0, plans.size(), false);
  // Three entries at most, however many spans; each with the moments of its input.
  EXPECT_LE(all - one, 3 * stream + 3 * RegressionInput::held_bytes(model_->config.hidden));
  EXPECT_GT(all, one);
  EXPECT_EQ(memory.divide(all).at_once, plans.size());
  EXPECT_LT(memory.divide(all - 1).at_once, plans.size());
  EXPECT_FALSE(memory.divide(all - 1).spill);
  EXPECT_TRUE(memory.divide(1).spill);
}

}  // namespace
}  // namespace linscan
