#include "io/shard_plan.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/base/test_files.h"

namespace linscan {
namespace {

using testing::expect_error;

// The sizes of the tensors in each shard, for tensors of these sizes in this order.
std::vector<std::vector<int64_t>> dealt(const std::vector<int64_t>& sizes, int64_t max_bytes) {
  std::vector<TensorEntry> entries;
  for (const int64_t size : sizes) {
    entries.push_back({"t" + std::to_string(entries.size()), DType::kU8, {size}});
  }
  std::vector<std::vector<int64_t>> out;
  for (const PlannedShard& shard : plan_shards(entries, max_bytes, "out")) {
    out.emplace_back();
    int64_t bytes = 0;
    for (const TensorEntry& entry : shard.entries) {
      out.back().push_back(entry.shape[0]);
      bytes += entry.shape[0];
    }
    EXPECT_EQ(shard.bytes, bytes);
  }
  return out;
}

using Sizes = std::vector<std::vector<int64_t>>;

TEST(PlanShards, TensorsInOrder_FillOneShardAfterTheOther) {
  // The example in the documentation of huggingface_hub: no shard is filled up later.
  EXPECT_EQ(dealt({6, 6, 2, 6, 2, 2}, 10), (Sizes{{6}, {6, 2}, {6, 2, 2}}));
  EXPECT_EQ(dealt({5, 5, 1}, 10), (Sizes{{5, 5}, {1}}));
  EXPECT_EQ(dealt({0, 10, 0, 1}, 10), (Sizes{{0, 10, 0}, {1}}));
}

TEST(PlanShards, LargerTensor_ComesAloneBeforeTheShardBeingFilled) {
  EXPECT_EQ(dealt({2, 11, 3}, 10), (Sizes{{11}, {2, 3}}));
  EXPECT_EQ(dealt({11}, 10), (Sizes{{11}}));
  EXPECT_EQ(dealt({11, 12}, 10), (Sizes{{11}, {12}}));
}

TEST(PlanShards, FileNames_SayHowMany) {
  const std::vector<TensorEntry> entries = {{"a", DType::kU8, {4}}, {"b", DType::kU8, {4}}};
  EXPECT_EQ(plan_shards(entries, 8, "out").at(0).file, "model.safetensors");
  EXPECT_EQ(plan_shards({}, 8, "out").at(0).file, "model.safetensors");
  const auto two = plan_shards(entries, 7, "out");
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0].file, "model-00001-of-00002.safetensors");
  EXPECT_EQ(two[1].file, "model-00002-of-00002.safetensors");
}

TEST(PlanShards, ImpossibleEntry_IsRefused) {
  const auto refuses = [](TensorEntry entry, const char* part) {
    expect_error(ErrorKind::kInternal, {"out: ", part}, [&] { plan_shards({entry}, 8, "out"); });
  };
  refuses({"a", DType::kF64, {INT64_MAX}}, "impossible shape");
  refuses({"", DType::kF64, {1}}, "is empty");
}

}  // namespace
}  // namespace linscan
