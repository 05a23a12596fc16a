#include "linscan/edit/plan.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "linscan/base/error.h"

namespace linscan {
namespace {

DecoderConfig six_blocks() {
  DecoderConfig config;
  config.family = "llama";
  config.hidden = 8;
  config.mlp = 24;
  config.per_block.resize(6);
  return config;
}

std::string error_of(const DecoderConfig& config, const EditPlan& plan) {
  try {
    validate_plan(config, plan);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(Blocks, ListAndRanges_AreSortedAndHalfOpen) {
  EXPECT_EQ(parse_blocks("7:9,3", 10, "--blocks"), (std::vector<int64_t>{3, 7, 8}));
  EXPECT_EQ(parse_blocks("0", 1, "--blocks"), (std::vector<int64_t>{0}));
  EXPECT_EQ(format_blocks({3, 7, 8}), "3,7:9");
}

TEST(Blocks, AnythingElse_IsRefused) {
  for (const char* text : {"", "a", "3,", ",3", "-1", "3:3", "4:3", "1.5", "3:", ":3", "3 4"}) {
    EXPECT_THROW(parse_blocks(text, 10, "--blocks"), Error) << text;
  }
  EXPECT_THROW(parse_blocks("3,2:4", 10, "--blocks"), Error) << "block 3 twice";
  EXPECT_THROW(parse_blocks("8:11", 10, "--blocks"), Error) << "beyond the model";
}

TEST(Plan, NeighbouringBlocks_BecomeOneRange) {
  const std::vector<Operation> expected = {{Method::kLinear, 1, 3}, {Method::kLinear, 5, 6}};
  EXPECT_EQ(operations_on({5, 2, 1}, Method::kLinear), expected);
}

TEST(Plan, WrongRanges_AreRefusedWithTheReason) {
  const DecoderConfig config = six_blocks();
  EXPECT_EQ(error_of(config, {.operations = {{Method::kRefit, 2, 4}}}), "");
  EXPECT_NE(error_of(config, {.operations = {{Method::kRemove, 4, 7}}}).find("0:6"),
            std::string::npos);
  EXPECT_NE(error_of(config, {.operations = {{Method::kRemove, 3, 3}}}), "");
  EXPECT_NE(error_of(config, {.operations = {{Method::kRemove, 2, 4}, {Method::kLinear, 3, 5}}})
                .find("overlap"),
            std::string::npos);
  EXPECT_NE(error_of(config, {.operations = {{Method::kRemove, 0, 6}}}).find("at least one"),
            std::string::npos);
  EXPECT_NE(error_of(config, {.operations = {{Method::kRefit, 0, 1}}}).find("block 0"),
            std::string::npos);
  EXPECT_NE(error_of(config, {.operations = {{Method::kRemove, 1, 2}, {Method::kFold, 2, 3}}})
                .find("one range"),
            std::string::npos);
}

TEST(Plan, FoldWhereNoMapCanBeMerged_IsRefused) {
  const EditPlan plan{.operations = {{Method::kFold, 2, 3}}};
  for (const NormPlacement placement :
       {NormPlacement::kPost, NormPlacement::kSandwich, NormPlacement::kOutput}) {
    DecoderConfig config = six_blocks();
    config.norm_placement = placement;
    EXPECT_NE(error_of(config, plan).find("norm after the MLP"), std::string::npos);
    EXPECT_EQ(error_of(config, {.operations = {{Method::kLinear, 2, 3}}}), "");
  }
  DecoderConfig config = six_blocks();
  config.per_block[1].experts = true;
  EXPECT_NE(error_of(config, plan).find("experts"), std::string::npos);
  config = six_blocks();
  config.per_block[1].form = BlockForm::kLinear;
  EXPECT_NE(error_of(config, plan).find("linear"), std::string::npos);
}

TEST(Plan, NormedMapsWithoutANormToRead_AreRefused) {
  EditPlan plan{.operations = {{Method::kLinear, 2, 3}}, .normed_maps = true};
  for (const NormPlacement placement : {NormPlacement::kPost, NormPlacement::kOutput}) {
    DecoderConfig config = six_blocks();
    config.norm_placement = placement;
    EXPECT_NE(error_of(config, plan).find("no norm before attention"), std::string::npos);
  }
  EXPECT_EQ(error_of(six_blocks(), plan), "");
  plan.map = parse_map("rank:2", "--map");
  EXPECT_EQ(error_of(six_blocks(), plan), "");
  plan.map = parse_map("scale", "--map");
  EXPECT_NE(error_of(six_blocks(), plan).find("cannot be scale"), std::string::npos);
}

TEST(Plan, Json_ReadsBackAsItWas) {
  EditPlan plan;
  plan.operations = {{Method::kFold, 1, 3}, {Method::kNoAttention, 4, 5}};
  plan.map = {MapKind::kRank, 8, 0.25};
  plan.target = Target::kOwn;
  plan.sweep = true;
  const EditPlan read = read_edit_plan(to_json(plan), "plan.json");
  EXPECT_EQ(read.operations, plan.operations);
  EXPECT_EQ(to_json(read), to_json(plan));
}

TEST(Plan, JsonOfOtherShapes_IsRefused) {
  const Json good = to_json(EditPlan{.operations = {{Method::kRemove, 1, 2}}});
  for (const auto& [key, value] : good.items()) {
    Json bad = good;
    bad.erase(key);
    EXPECT_THROW(read_edit_plan(bad, "plan.json"), Error) << key << " is missing";
    bad[key] = Json::object();
    EXPECT_THROW(read_edit_plan(bad, "plan.json"), Error) << key << " is an object";
  }
  Json bad = good;
  bad["operations"][0]["method"] = "melt";
  EXPECT_THROW(read_edit_plan(bad, "plan.json"), Error);
  bad = good;
  bad["ridge"] = -1;
  EXPECT_THROW(read_edit_plan(bad, "plan.json"), Error);
}

TEST(Plan, UnknownColumns_AreThoseOfTheWidestFit) {
  const DecoderConfig config = six_blocks();
  const auto columns = [&](Method method, bool sweep) {
    EditPlan plan{.operations = {{method, 2, 3}}};
    plan.sweep = sweep;
    return unknown_columns(config, plan);
  };
  EXPECT_EQ(columns(Method::kRemove, false), 0);
  EXPECT_EQ(columns(Method::kLinear, false), 8);
  EXPECT_EQ(columns(Method::kFold, false), 8);
  EXPECT_EQ(columns(Method::kFold, true), 24);
  EXPECT_EQ(columns(Method::kRefit, false), 24);
}

}  // namespace
}  // namespace linscan
