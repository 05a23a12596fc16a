#include "linscan/analyze/folds.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "linscan/analyze/schedule.h"
#include "unit/analyze/test_windows.h"

namespace linscan {
namespace {

// Documents of 1 to 7 windows; the last window of each is shorter.
TokenWindows many_documents(int32_t documents) {
  std::vector<WindowSpec> specs;
  for (int32_t document = 0; document < documents; ++document) {
    for (int32_t w = 0; w < document % 7; ++w) {
      specs.push_back({32, document});
    }
    specs.push_back({1 + document % 31, document});
  }
  return make_windows(specs);
}

TEST(AssignFolds, Documents_AreNeverSplitAndFoldsAreBalanced) {
  const TokenWindows windows = many_documents(100);
  const FoldPlan plan = assign_folds(windows, 5, 0);
  EXPECT_EQ(plan.folds, 5);
  EXPECT_EQ(plan.unit, "document");
  std::map<int32_t, std::set<int32_t>> folds_of_document;
  std::vector<int64_t> tokens(5, 0);
  for (size_t w = 0; w < windows.windows.size(); ++w) {
    folds_of_document[windows.windows[w].document].insert(plan.fold_of_window[w]);
    tokens[static_cast<size_t>(plan.fold_of_window[w])] += windows.windows[w].length;
  }
  for (const auto& [document, folds] : folds_of_document) {
    EXPECT_EQ(folds.size(), 1U) << document;
  }
  EXPECT_EQ(tokens, plan.tokens_of_fold);
  EXPECT_EQ(std::accumulate(tokens.begin(), tokens.end(), int64_t{0}),
            static_cast<int64_t>(windows.ids.size()));
  const auto [least, most] = std::minmax_element(tokens.begin(), tokens.end());
  EXPECT_LE(*most - *least, 223);  // the longest document
}

TEST(AssignFolds, Seed_DecidesTheFolds) {
  const TokenWindows windows = many_documents(60);
  EXPECT_EQ(assign_folds(windows, 4, 1).fold_of_window, assign_folds(windows, 4, 1).fold_of_window);
  EXPECT_NE(assign_folds(windows, 4, 1).fold_of_window, assign_folds(windows, 4, 2).fold_of_window);
}

TEST(AssignFolds, FewerDocumentsThanFolds_TakesSpansOfWindows) {
  for (const int64_t count : {5, 6, 7, 13, 40}) {
    std::vector<WindowSpec> specs;
    for (int64_t w = 0; w < count; ++w) {
      specs.push_back({w == 0 ? 300 : 16, w < 3 ? 0 : 1});  // a first window as long as many others
    }
    const FoldPlan plan = assign_folds(make_windows(specs), 5, 0);
    EXPECT_EQ(plan.unit, "span of windows");
    EXPECT_EQ(plan.folds, 5);
    int64_t borders = 0;
    for (size_t w = 1; w < specs.size(); ++w) {
      borders += plan.fold_of_window[w] != plan.fold_of_window[w - 1] ? 1 : 0;
    }
    EXPECT_EQ(borders, 4) << count;
    for (const int64_t tokens : plan.tokens_of_fold) {
      EXPECT_GT(tokens, 0) << count;
    }
  }
}

TEST(AssignFolds, OneWindow_IsOneFold) {
  const FoldPlan plan = assign_folds(make_windows({{10, 0}}), 5, 0);
  EXPECT_EQ(plan.folds, 1);
  EXPECT_EQ(plan.fold_of_window, std::vector<int32_t>{0});
  EXPECT_EQ(plan.tokens_of_fold, std::vector<int64_t>{10});
}

TEST(Schedule, EveryWindow_IsInOneBatchOfItsFold) {
  const TokenWindows windows = many_documents(50);
  const FoldPlan folds = assign_folds(windows, 3, 0);
  const Schedule schedule = Schedule::make(windows, folds, 100);
  std::set<int64_t> seen;
  int64_t row = 0;
  int64_t largest = 0;
  for (const ScheduledBatch& batch : schedule.batches) {
    EXPECT_EQ(batch.first_row, row);
    int64_t rows = 0;
    for (const int64_t window : batch.windows) {
      EXPECT_TRUE(seen.insert(window).second);
      EXPECT_EQ(folds.fold_of_window[static_cast<size_t>(window)], batch.fold);
      rows += windows.windows[static_cast<size_t>(window)].length;
    }
    EXPECT_EQ(batch.rows, rows);
    EXPECT_LE(rows, 100);
    row += rows;
    largest = std::max(largest, rows);
  }
  EXPECT_EQ(seen.size(), windows.windows.size());
  EXPECT_EQ(schedule.rows, static_cast<int64_t>(windows.ids.size()));
  EXPECT_EQ(row, schedule.rows);
  EXPECT_EQ(schedule.largest_batch, largest);
}

TEST(Schedule, WindowLongerThanABatch_IsABatchOfItsOwn) {
  const TokenWindows windows = make_windows({{5, 0}, {40, 0}, {5, 0}});
  const Schedule schedule = Schedule::make(windows, assign_folds(windows, 1, 0), 16);
  ASSERT_EQ(schedule.batches.size(), 3U);
  EXPECT_EQ(schedule.batches[1].rows, 40);
  EXPECT_EQ(schedule.largest_batch, 40);
}

}  // namespace
}  // namespace linscan
