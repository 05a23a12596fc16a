// Element types of checkpoint files, under their safetensors names.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace linscan {

enum class DType { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };

// Bytes of one element.
int64_t item_size(DType dtype);
// "F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL".
std::string_view name(DType dtype);
// The inverse of name(); empty for every other text ("F8_E4M3", "U16", "f32").
std::optional<DType> parse_dtype(std::string_view text);

}  // namespace linscan
