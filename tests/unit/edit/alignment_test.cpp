#include "linscan/edit/alignment.h"

#include <gtest/gtest.h>

namespace linscan {
namespace {

using List = std::vector<int64_t>;

Alignment aligned(std::vector<Operation> operations, bool sweep = false) {
  EditPlan plan;
  plan.operations = std::move(operations);
  plan.sweep = sweep;
  return align_blocks(plan, 6);
}

TEST(AlignBlocks, NoOperation_OneToOne) {
  EXPECT_EQ(aligned({}).source_blocks, (List{1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(aligned({}).projections.empty());
}

TEST(AlignBlocks, RemovedSpan_TheBlockBeforeItStandsForItsEnd) {
  const Alignment middle = aligned({{Method::kRemove, 2, 4}});
  EXPECT_EQ(middle.source_blocks, (List{1, 4, 5, 6}));
  EXPECT_TRUE(middle.projections.empty());
  EXPECT_EQ(aligned({{Method::kRemove, 4, 6}}).source_blocks, (List{1, 2, 3, 6}));
  EXPECT_EQ(aligned({{Method::kRemove, 0, 2}}).source_blocks, (List{3, 4, 5, 6}));
}

TEST(AlignBlocks, LinearSpan_ItsMapStandsForAllOfIt) {
  EXPECT_EQ(aligned({{Method::kLinear, 1, 4}}).source_blocks, (List{1, 4, 5, 6}));
  EXPECT_EQ(aligned({{Method::kLinear, 1, 2}, {Method::kRemove, 2, 3}}).source_blocks,
            (List{1, 3, 4, 5, 6}));
}

TEST(AlignBlocks, AttentionOnly_OneToOne) {
  EXPECT_EQ(aligned({{Method::kLinearAttention, 1, 3}}).source_blocks, (List{1, 2, 3, 4, 5, 6}));
}

TEST(AlignBlocks, FittedProjections_AreTheSeamsAndWithASweepAllBehind) {
  EXPECT_EQ(aligned({{Method::kRefit, 2, 3}, {Method::kFold, 4, 5}}).projections, (List{1, 2}));
  EXPECT_EQ(aligned({{Method::kRefit, 2, 3}}, /*sweep=*/true).projections, (List{1, 2, 3, 4}));
  EXPECT_EQ(aligned({{Method::kLinear, 1, 2}, {Method::kRefit, 4, 5}}).projections, (List{3}));
}

}  // namespace
}  // namespace linscan
