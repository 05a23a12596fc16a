#include "io/strided.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <vector>

namespace linscan {
namespace {

template <typename Number>
std::vector<Number> row_major(const StridedLayout& layout, size_t count) {
  std::vector<Number> from(200'000);
  std::iota(from.begin(), from.end(), Number{0});
  std::vector<Number> to(count, Number{99});
  copy_row_major(layout,
                 sizeof(Number),
                 reinterpret_cast<const std::byte*>(from.data()),
                 reinterpret_cast<std::byte*>(to.data()));
  return to;
}

TEST(StridedLayout, RowMajor_IsTold) {
  EXPECT_TRUE((StridedLayout{0, {}, {}}.is_row_major()));
  EXPECT_TRUE((StridedLayout{5, {2, 3}, {3, 1}}.is_row_major()));
  EXPECT_TRUE((StridedLayout{0, {1, 3, 1}, {9, 1, 7}}.is_row_major()));
  EXPECT_TRUE((StridedLayout{0, {3, 0}, {7, 7}}.is_row_major()));
  EXPECT_FALSE((StridedLayout{0, {3, 2}, {1, 3}}.is_row_major()));
  EXPECT_FALSE((StridedLayout{0, {3}, {2}}.is_row_major()));
  EXPECT_FALSE((StridedLayout{0, {3}, {0}}.is_row_major()));
}

TEST(StridedLayout, End_IsOnePastTheLastElement) {
  EXPECT_EQ((StridedLayout{4, {}, {}}.end()), 5);
  EXPECT_EQ((StridedLayout{1, {2, 3}, {4, 1}}.end()), 8);
  EXPECT_EQ((StridedLayout{9, {2, 0}, {4, 1}}.end()), 0);
  EXPECT_EQ((StridedLayout{INT64_MAX, {1}, {1}}.end()), -1);
  EXPECT_EQ((StridedLayout{0, {3}, {INT64_MAX}}.end()), -1);
  EXPECT_EQ((StridedLayout{0, {INT64_MAX, 0}, {INT64_MAX, 1}}.end()), 0);
}

TEST(CopyRowMajor, SmallShapes_AreInOrder) {
  EXPECT_EQ(row_major<int32_t>({2, {}, {}}, 1), (std::vector<int32_t>{2}));
  EXPECT_EQ(row_major<int16_t>({1, {3}, {2}}, 3), (std::vector<int16_t>{1, 3, 5}));
  EXPECT_EQ(row_major<int64_t>({0, {3, 2}, {1, 3}}, 6), (std::vector<int64_t>{0, 3, 1, 4, 2, 5}));
  EXPECT_EQ(row_major<uint8_t>({0, {2, 1, 2}, {1, 5, 4}}, 4), (std::vector<uint8_t>{0, 4, 1, 5}));
  EXPECT_EQ(row_major<int32_t>({0, {2, 2}, {0, 1}}, 4), (std::vector<int32_t>{0, 1, 0, 1}));
  EXPECT_EQ(row_major<int32_t>({0, {0, 2}, {1, 1}}, 1), (std::vector<int32_t>{99}));
}

// Larger than the pieces that the copy works in, and with outer dimensions.
TEST(CopyRowMajor, FourDimensions_AreThePermutation) {
  const StridedLayout layout{3, {3, 70, 2, 41}, {1, 3 * 2, 3, 3 * 2 * 70}};
  std::vector<int32_t> expected;
  for (int32_t i = 0; i < 3; ++i) {
    for (int32_t j = 0; j < 70; ++j) {
      for (int32_t k = 0; k < 2; ++k) {
        for (int32_t l = 0; l < 41; ++l) {
          expected.push_back(3 + i + 6 * j + 3 * k + 420 * l);
        }
      }
    }
  }
  EXPECT_EQ(row_major<int32_t>(layout, expected.size()), expected);
}

}  // namespace
}  // namespace linscan
