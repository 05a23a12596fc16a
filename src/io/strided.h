// Tensors that do not lie row by row: the view `weight.t()` of a matrix, a slice of columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace linscan {

// Where the elements of a tensor lie: element (i, j, ...) at offset + i strides[0] + j strides[1] +
// ..., all counted in elements. `shape` and `strides` are equally long, no number is negative.
struct StridedLayout {
  int64_t offset = 0;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;

  // Whether the elements follow each other without gaps in row-major order. Strides of dimensions
  // of size 1 do not count.
  bool is_row_major() const;
  // One past the place of the last element; 0 without elements, -1 beyond 63 bits.
  int64_t end() const;
  bool has_no_elements() const;
};

// Copies the elements in row-major order. `from` is the place that offsets count from, elements are
// `item_size` (1, 2, 4 or 8) bytes.
void copy_row_major(const StridedLayout& layout,
                    int64_t item_size,
                    const std::byte* from,
                    std::byte* to);

}  // namespace linscan
