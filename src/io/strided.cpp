#include "io/strided.h"

#include <algorithm>
#include <cstring>

#include "linscan/base/error.h"

namespace linscan {
namespace {

// Square pieces of a transposed matrix, so that lines of the cache are used up before they go.
constexpr int64_t kTile = 32;

struct Dimension {
  int64_t size = 1;
  int64_t stride = 0;
};

// A matrix of elements of `kBytes`; strides in bytes, rows of `to` follow each other.
template <size_t kBytes>
void copy_matrix(
    Dimension rows, Dimension columns, const std::byte* from, std::byte* to, int64_t to_stride) {
  for (int64_t row0 = 0; row0 < rows.size; row0 += kTile) {
    for (int64_t column0 = 0; column0 < columns.size; column0 += kTile) {
      const int64_t row1 = std::min(rows.size, row0 + kTile);
      const int64_t column1 = std::min(columns.size, column0 + kTile);
      for (int64_t row = row0; row < row1; ++row) {
        const std::byte* source = from + row * rows.stride + column0 * columns.stride;
        std::byte* target = to + row * to_stride + column0 * static_cast<int64_t>(kBytes);
        for (int64_t column = column0; column < column1; ++column) {
          std::memcpy(target, source, kBytes);
          source += columns.stride;
          target += kBytes;
        }
      }
    }
  }
}

using CopyMatrix = void (*)(Dimension, Dimension, const std::byte*, std::byte*, int64_t);

CopyMatrix copier(int64_t item_size) {
  switch (item_size) {
    case 1:
      return copy_matrix<1>;
    case 2:
      return copy_matrix<2>;
    case 4:
      return copy_matrix<4>;
    case 8:
      return copy_matrix<8>;
    default:
      fail(ErrorKind::kInternal, "elements of {} bytes", item_size);
  }
}

}  // namespace

bool StridedLayout::is_row_major() const {
  if (has_no_elements()) {
    return true;
  }
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != expected) {
      return false;
    }
    expected *= shape[i];
  }
  return true;
}

int64_t StridedLayout::end() const {
  if (has_no_elements()) {
    return 0;
  }
  int64_t last = offset;
  for (size_t i = 0; i < shape.size(); ++i) {
    int64_t reach = 0;
    if (__builtin_mul_overflow(shape[i] - 1, strides[i], &reach) ||
        __builtin_add_overflow(last, reach, &last)) {
      return -1;
    }
  }
  return __builtin_add_overflow(last, 1, &last) ? -1 : last;
}

bool StridedLayout::has_no_elements() const {
  return std::ranges::find(shape, 0) != shape.end();
}

void copy_row_major(const StridedLayout& layout,
                    int64_t item_size,
                    const std::byte* from,
                    std::byte* to) {
  if (layout.has_no_elements()) {
    return;
  }
  std::vector<Dimension> dimensions(2);  // at least a matrix
  for (size_t i = 0; i < layout.shape.size(); ++i) {
    if (layout.shape[i] > 1) {
      dimensions.push_back({layout.shape[i], layout.strides[i] * item_size});
    }
  }
  const CopyMatrix copy = copier(item_size);
  const Dimension columns = dimensions.back();
  dimensions.pop_back();
  const Dimension rows = dimensions.back();
  dimensions.pop_back();

  int64_t matrices = 1;
  for (const Dimension& dimension : dimensions) {
    matrices *= dimension.size;
  }
  const int64_t row_bytes = columns.size * item_size;
  for (int64_t i = 0; i < matrices; ++i) {
    const std::byte* matrix = from + layout.offset * item_size;
    int64_t rest = i;  // the digits of i, the last dimension first
    for (size_t d = dimensions.size(); d-- > 0;) {
      matrix += rest % dimensions[d].size * dimensions[d].stride;
      rest /= dimensions[d].size;
    }
    copy(rows, columns, matrix, to + i * rows.size * row_bytes, row_bytes);
  }
}

}  // namespace linscan
