// Stored layouts become the decoder's and come back, shown with counting numbers.
#include "linscan/model/weights.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace linscan::testing {
namespace {

DecoderConfig config_of(int64_t heads, int64_t kv_heads, int64_t head_size) {
  DecoderConfig config;
  config.heads = heads;
  config.kv_heads = kv_heads;
  config.head_size = head_size;
  return config;
}

// Rows 0, 1, 2, ... of one feature each.
at::Tensor counting_rows(int64_t rows) {
  return at::arange(rows, at::kFloat).unsqueeze(1);
}

std::vector<int64_t> order_of(const at::Tensor& rows) {
  const at::Tensor ids = rows.flatten().to(at::kLong).contiguous();
  return {ids.const_data_ptr<int64_t>(), ids.const_data_ptr<int64_t>() + ids.numel()};
}

TEST(DecodeWeight, PerHead_QueriesThenKeysThenValues) {
  // q0 k0 v0 q1 k1 v1, two rows each.
  const at::Tensor decoded =
      decode_weight(counting_rows(12), Transform::kQkvPerGroup, config_of(2, 2, 2));
  EXPECT_EQ(order_of(decoded), (std::vector<int64_t>{0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11}));
}

TEST(DecodeWeight, PerGroup_QueriesOfAGroupStayTogether) {
  // Two groups of two query heads, a key and a value, one row each.
  const at::Tensor decoded =
      decode_weight(counting_rows(8), Transform::kQkvPerGroup, config_of(4, 2, 1));
  EXPECT_EQ(order_of(decoded), (std::vector<int64_t>{0, 1, 4, 5, 2, 6, 3, 7}));
}

TEST(DecodeWeight, OneGroup_IsAsStored) {
  const at::Tensor decoded =
      decode_weight(counting_rows(10), Transform::kQkvPerGroup, config_of(3, 1, 2));
  EXPECT_EQ(order_of(decoded), (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(DecodeWeight, Transposed_SwapsInAndOut) {
  const at::Tensor stored = at::arange(6, at::kFloat).reshape({2, 3});
  const at::Tensor decoded = decode_weight(stored, Transform::kTranspose, {});
  EXPECT_TRUE(at::equal(decoded, stored.t()));
}

TEST(EncodeWeight, AfterDecode_GivesTheStoredTensor) {
  for (const auto& [heads, kv_heads] : {std::pair(6, 6), std::pair(6, 3), std::pair(6, 1)}) {
    const DecoderConfig config = config_of(heads, kv_heads, 4);
    const int64_t rows = config.query_size() + 2 * config.key_size();
    for (const at::Tensor& stored : {at::randn({rows, 5}), at::randn({rows})}) {
      const at::Tensor decoded = decode_weight(stored, Transform::kQkvPerGroup, config);
      EXPECT_TRUE(at::equal(encode_weight(decoded, Transform::kQkvPerGroup, config), stored));
    }
  }
  const at::Tensor stored = at::randn({3, 7});
  for (const Transform transform : {Transform::kNone, Transform::kTranspose}) {
    EXPECT_TRUE(
        at::equal(encode_weight(decode_weight(stored, transform, {}), transform, {}), stored));
  }
}

}  // namespace
}  // namespace linscan::testing
