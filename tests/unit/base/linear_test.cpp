#include "linscan/base/linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace linscan {
namespace {

// Packed or not, with and without bias, any number of rows, also from a transposed weight.
TEST(ApplyLinear, Packed_GivesTheSameAsPlain) {
  at::manual_seed(3);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const double tolerance = type == at::kFloat ? 1e-6 : 1e-2;
    for (const bool transposed : {false, true}) {
      for (const bool biased : {false, true}) {
        const at::Tensor stored = at::randn({40, 24}).to(type);
        const Linear plain{transposed ? at::randn({24, 40}).to(type).t() : stored,
                           biased ? at::randn({40}).to(type) : at::Tensor()};
        const Linear packed = pack(plain);
        EXPECT_EQ(packed.weight.sizes(), plain.weight.sizes());
        for (const int64_t rows : {1, 7, 300}) {
          const at::Tensor x = at::randn({rows, 24}).to(type);
          const at::Tensor expected = at::linear(x, plain.weight, plain.bias).to(at::kDouble);
          const at::Tensor difference = apply_linear(packed, x).to(at::kDouble) - expected;
          EXPECT_LT((difference.abs().max() / expected.abs().max()).item<double>(), tolerance)
              << type << " " << rows;
        }
      }
    }
  }
}

TEST(Pack, Fp64_StaysPlain) {
  const Linear linear{at::randn({4, 4}, at::kDouble), {}};
  EXPECT_FALSE(pack(linear).weight.is_mkldnn());
}

}  // namespace
}  // namespace linscan
