#include "linscan/io/dtype.h"

#include <gtest/gtest.h>

namespace linscan {
namespace {

TEST(DType, EveryName_ParsesBack) {
  const struct {
    DType dtype;
    const char* text;
    int64_t bytes;
  } rows[] = {{DType::kF64, "F64", 8},
              {DType::kF32, "F32", 4},
              {DType::kF16, "F16", 2},
              {DType::kBF16, "BF16", 2},
              {DType::kI64, "I64", 8},
              {DType::kI32, "I32", 4},
              {DType::kI16, "I16", 2},
              {DType::kI8, "I8", 1},
              {DType::kU8, "U8", 1},
              {DType::kBool, "BOOL", 1}};
  for (const auto& row : rows) {
    EXPECT_EQ(name(row.dtype), row.text);
    EXPECT_EQ(item_size(row.dtype), row.bytes) << row.text;
    EXPECT_EQ(parse_dtype(row.text), row.dtype) << row.text;
  }
}

TEST(ParseDType, OtherText_IsNothing) {
  for (const char* text : {"", "f32", "F8_E4M3", "F32 ", "U16", "float32"}) {
    EXPECT_FALSE(parse_dtype(text)) << text;
  }
}

}  // namespace
}  // namespace linscan
