#include "linscan/io/weights_file.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

namespace linscan {

bool TensorView::is_aligned() const {
  return reinterpret_cast<uintptr_t>(data()) % static_cast<uintptr_t>(item_size(dtype)) == 0;
}

int64_t TensorView::elements() const {
  return bytes / item_size(dtype);
}

WeightsFile::WeightsFile(std::filesystem::path path,
                         std::vector<TensorView> tensors,
                         std::map<std::string, std::string> metadata)
    : path_(std::move(path)), tensors_(std::move(tensors)), metadata_(std::move(metadata)) {
  by_name_.resize(tensors_.size());
  std::iota(by_name_.begin(), by_name_.end(), 0);
  std::ranges::sort(by_name_, {}, [&](int32_t i) -> const std::string& {
    return tensors_[static_cast<size_t>(i)].name;
  });
}

const TensorView* WeightsFile::find(std::string_view name) const {
  const auto name_of = [&](int32_t i) -> std::string_view {
    return tensors_[static_cast<size_t>(i)].name;
  };
  const auto at = std::ranges::lower_bound(by_name_, name, {}, name_of);
  const bool found = at != by_name_.end() && name_of(*at) == name;
  return found ? &tensors_[static_cast<size_t>(*at)] : nullptr;
}

}  // namespace linscan
