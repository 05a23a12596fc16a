#include "io/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/json_events.h"

namespace linscan {
namespace {

constexpr size_t kMaxListed = 20;

}  // namespace

std::string listed(const std::vector<std::string>& names) {
  const size_t shown = std::min(names.size(), kMaxListed);
  std::string out;
  for (size_t i = 0; i < shown; ++i) {
    out += (i == 0 ? "" : ", ") + show(names[i]);
  }
  return shown < names.size() ? out + fmt::format(" and {} more", names.size() - shown) : out;
}

}  // namespace linscan
