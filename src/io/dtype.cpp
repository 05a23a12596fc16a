#include "linscan/io/dtype.h"

#include <array>

namespace linscan {
namespace {

struct DTypeRow {
  DType dtype;
  std::string_view name;
  int64_t item_size;
};

// In the order of the enum.
constexpr std::array<DTypeRow, 10> kDTypes = {{
    {DType::kF64, "F64", 8},
    {DType::kF32, "F32", 4},
    {DType::kF16, "F16", 2},
    {DType::kBF16, "BF16", 2},
    {DType::kI64, "I64", 8},
    {DType::kI32, "I32", 4},
    {DType::kI16, "I16", 2},
    {DType::kI8, "I8", 1},
    {DType::kU8, "U8", 1},
    {DType::kBool, "BOOL", 1},
}};

const DTypeRow& row_of(DType dtype) {
  return kDTypes.at(static_cast<size_t>(dtype));
}

}  // namespace

int64_t item_size(DType dtype) {
  return row_of(dtype).item_size;
}

std::string_view name(DType dtype) {
  return row_of(dtype).name;
}

std::optional<DType> parse_dtype(std::string_view text) {
  for (const DTypeRow& row : kDTypes) {
    if (row.name == text) {
      return row.dtype;
    }
  }
  return std::nullopt;
}

}  // namespace linscan
