// All tokens that a text begins with, in one walk: a double-array trie over their bytes.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace linscan {

class PrefixTrie {
 public:
  // Keys are distinct and not empty, their ids not negative. The views are needed during the call
  // only.
  explicit PrefixTrie(std::vector<std::pair<std::string_view, int32_t>> keys);

  // visit(length, id) for every key that `text` begins with, shortest first.
  template <typename Visit>
  void for_each_prefix(std::string_view text, Visit visit) const {
    uint32_t at = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      const uint32_t next = units_[at].base + static_cast<unsigned char>(text[i]);
      if (units_[next].parent != at) return;
      at = next;
      if (units_[at].id >= 0) visit(i + 1, units_[at].id);
    }
  }

 private:
  static constexpr uint32_t kFree = ~uint32_t{0};
  static constexpr uint32_t kLabels = 256;

  // The child of a unit by byte c is unit base + c, if that names this unit as its parent. There
  // are always kLabels units behind every base.
  struct Unit {
    uint32_t base = 0;
    uint32_t parent = kFree;
    int32_t id = -1;
  };
  class Builder;

  std::vector<Unit> units_;
};

}  // namespace linscan
