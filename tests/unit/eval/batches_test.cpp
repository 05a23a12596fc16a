#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "eval/request_batches.h"
#include "linscan/base/random.h"

namespace linscan {
namespace {

bool always(int64_t) {
  return true;
}

std::vector<int32_t> ids_of(std::initializer_list<std::pair<int32_t, int>> parts) {
  std::vector<int32_t> ids;
  for (const auto& [id, count] : parts) ids.insert(ids.end(), static_cast<size_t>(count), id);
  return ids;
}

int64_t rows_of(const std::vector<RequestBatch>& batches) {
  int64_t rows = 0;
  for (const RequestBatch& batch : batches) rows += static_cast<int64_t>(batch.ids.size());
  return rows;
}

// The tokens that stand before a row and at it, along the prefixes of its window.
std::vector<int32_t> seen_by(const RequestBatch& batch, int64_t row) {
  std::vector<int64_t> first{0};
  for (const int64_t length : batch.lengths) first.push_back(first.back() + length);
  auto window = static_cast<size_t>(std::ranges::upper_bound(first, row) - first.begin() - 1);
  std::vector<int32_t> tokens(batch.ids.begin() + first[window], batch.ids.begin() + row + 1);
  while (batch.prefixes[window] >= 0) {
    const auto prefix = static_cast<size_t>(batch.prefixes[window]);
    EXPECT_LT(prefix, window);
    tokens.insert(
        tokens.begin(), batch.ids.begin() + first[prefix], batch.ids.begin() + first[prefix + 1]);
    window = prefix;
  }
  return tokens;
}

// Every scored position of every request once, behind exactly its own tokens.
void expect_complete(const std::vector<ScoreRequest>& requests,
                     const std::vector<RequestBatch>& batches) {
  std::map<int64_t, std::multiset<std::pair<std::vector<int32_t>, int32_t>>> got;
  for (const RequestBatch& batch : batches) {
    EXPECT_TRUE(std::ranges::is_sorted(batch.places, {}, &ScoredPlace::row));
    for (const ScoredPlace& place : batch.places) {
      got[place.request].emplace(seen_by(batch, place.row), place.target);
    }
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    std::multiset<std::pair<std::vector<int32_t>, int32_t>> expected;
    const auto& ids = requests[i].ids;
    const auto count = static_cast<int64_t>(ids.size());
    for (int64_t p = count - requests[i].scored; p < count; ++p) {
      expected.emplace(std::vector<int32_t>(ids.begin(), ids.begin() + p),
                       ids[static_cast<size_t>(p)]);
    }
    EXPECT_EQ(got[static_cast<int64_t>(i)], expected) << "request " << i;
  }
}

TEST(MakeBatches, CommonBeginning_IsFedOnce) {
  const std::vector<ScoreRequest> requests{{ids_of({{1, 50}, {2, 5}}), 5},
                                           {ids_of({{1, 50}, {3, 4}}), 4}};
  const auto batches = make_batches(requests, 1000, always);
  EXPECT_EQ(rows_of(batches), 50 + 4 + 3);
  expect_complete(requests, batches);
}

TEST(MakeBatches, SameInput_IsFedOnceForSeveralTargets) {
  const std::vector<ScoreRequest> requests{{{5, 6, 7, 8}, 2}, {{5, 6, 7, 9}, 1}, {{5, 6, 7, 8}, 2}};
  for (const bool share : {true, false}) {
    const auto batches = make_batches(requests, 1000, [&](int64_t) { return share; });
    EXPECT_EQ(rows_of(batches), 3);
    expect_complete(requests, batches);
  }
}

TEST(MakeBatches, NotShared_StandsAlone) {
  const std::vector<ScoreRequest> requests{{ids_of({{1, 50}, {2, 5}}), 5},
                                           {ids_of({{1, 50}, {3, 5}}), 5}};
  const auto batches = make_batches(requests, 1000, [](int64_t length) { return length < 10; });
  EXPECT_EQ(rows_of(batches), 2 * 54);
  expect_complete(requests, batches);
}

TEST(MakeBatches, ShortCommonBeginning_IsRepeated) {
  const std::vector<ScoreRequest> requests{{{1, 2, 3}, 1}, {{1, 4, 5}, 1}};
  const auto batches = make_batches(requests, 1000, always);
  EXPECT_EQ(rows_of(batches), 4);
  EXPECT_EQ(batches[0].prefixes, (std::vector<int64_t>{-1, -1}));
}

TEST(MakeBatches, ManyContinuations_AreSplitWithTheBeginningRepeated) {
  std::vector<ScoreRequest> requests;
  for (int32_t i = 0; i < 40; ++i) requests.push_back({ids_of({{1, 30}, {100 + i, 11}}), 11});
  const auto batches = make_batches(requests, 100, always);
  for (const RequestBatch& batch : batches) EXPECT_LE(batch.ids.size(), 100U);
  EXPECT_LT(rows_of(batches), 40 * 40 / 2);
  expect_complete(requests, batches);
}

TEST(MakeBatches, RandomRequests_AreComplete) {
  Random random(3);
  std::vector<ScoreRequest> requests;
  for (int i = 0; i < 300; ++i) {
    std::vector<int32_t> ids;
    for (uint64_t part = 0; part <= random.below(4); ++part) {
      ids.insert(ids.end(), 1 + random.below(25), static_cast<int32_t>(random.below(2)));
    }
    ids.push_back(static_cast<int32_t>(random.below(3)));
    const auto scored = 1 + static_cast<int64_t>(random.below(ids.size() - 1));
    requests.push_back({ids, scored});
  }
  for (const int64_t rows : {30, 200, 5000}) {
    expect_complete(requests, make_batches(requests, rows, always));
  }
}

TEST(MakeBatches, BeginningsOfOneAnother_AreComplete) {
  std::vector<ScoreRequest> requests;
  for (int length = 2; length < 1500; ++length) requests.push_back({ids_of({{4, length}}), 1});
  const auto batches = make_batches(requests, 4096, always);
  int64_t places = 0;
  for (const RequestBatch& batch : batches) places += static_cast<int64_t>(batch.places.size());
  EXPECT_EQ(places, static_cast<int64_t>(requests.size()));
}

}  // namespace
}  // namespace linscan
