// Token windows made up for tests.
#pragma once

#include <cstdint>
#include <vector>

#include "linscan/text/windows.h"

namespace linscan {

// One window per entry: its length and the document it belongs to. Ids count up modulo
// `vocabulary`.
struct WindowSpec {
  int32_t length;
  int32_t document;
};

inline TokenWindows make_windows(const std::vector<WindowSpec>& specs, int32_t vocabulary = 50) {
  TokenWindows windows;
  int64_t offset = 0;
  for (const WindowSpec& spec : specs) {
    windows.windows.push_back({offset, spec.length, spec.document});
    offset += spec.length;
    windows.documents = spec.document + 1;
  }
  for (int64_t i = 0; i < offset; ++i) {
    windows.ids.push_back(static_cast<int32_t>((i * i + 7 * i) % vocabulary));
  }
  return windows;
}

}  // namespace linscan
