#include "text/prefix_trie.h"

#include <algorithm>

namespace linscan {

class PrefixTrie::Builder {
 public:
  using Keys = std::vector<std::pair<std::string_view, int32_t>>;

  Builder(const Keys& keys, std::vector<Unit>& units) : keys_(keys), units_(units) {}

  void run() {
    units_.assign(kLabels + 1, Unit{});
    units_[0].parent = 0;  // taken; no base is 0, so that it is nobody's child
    std::vector<Node> open{{0, 0, keys_.size(), 0}};
    while (!open.empty()) {
      const Node node = open.back();
      open.pop_back();
      expand(node, open);
    }
  }

 private:
  // Unit `unit` stands for the first `depth` bytes that the keys [begin, end) share.
  struct Node {
    uint32_t unit;
    size_t begin;
    size_t end;
    size_t depth;
  };

  void expand(Node node, std::vector<Node>& open) {
    // The shortest key sorts first, and only it can end here.
    if (node.begin < node.end && keys_[node.begin].first.size() == node.depth) {
      units_[node.unit].id = keys_[node.begin].second;
      ++node.begin;
    }
    labels_.clear();
    starts_.clear();
    for (size_t i = node.begin; i < node.end; ++i) {
      const auto label = static_cast<unsigned char>(keys_[i].first[node.depth]);
      if (!labels_.empty() && labels_.back() == label) continue;
      labels_.push_back(label);
      starts_.push_back(i);
    }
    starts_.push_back(node.end);
    // Without children any base will do, as no unit names this one as its parent.
    const uint32_t base = labels_.empty() ? 1 : find_base();
    units_[node.unit].base = base;
    for (const unsigned char label : labels_) units_[base + label].parent = node.unit;
    for (size_t i = 0; i < labels_.size(); ++i)
      open.push_back({base + labels_[i], starts_[i], starts_[i + 1], node.depth + 1});
  }

  // A base above 0 whose units for labels_ are all free.
  uint32_t find_base() {
    const uint32_t first = labels_.front();
    uint32_t at = std::max(search_from_, first + 1);
    uint32_t taken = 0;
    for (const uint32_t start = at;; ++at) {
      const uint32_t base = at - first;
      if (units_.size() < size_t{base} + 2 * kLabels) units_.resize(units_.size() * 2 + kLabels);
      if (units_[at].parent != kFree) {
        ++taken;
        continue;
      }
      const auto is_free = [&](unsigned char label) {
        return units_[base + label].parent == kFree;
      };
      if (!std::all_of(labels_.begin(), labels_.end(), is_free)) continue;
      // Where nearly everything is taken the next search need not look again.
      if (taken * 20 >= (at - start + 1) * 19) search_from_ = at;
      return base;
    }
  }

  const Keys& keys_;
  std::vector<Unit>& units_;
  std::vector<unsigned char> labels_;
  std::vector<size_t> starts_;
  uint32_t search_from_ = 1;
};

PrefixTrie::PrefixTrie(std::vector<std::pair<std::string_view, int32_t>> keys) {
  std::sort(keys.begin(), keys.end());
  Builder(keys, units_).run();
  const auto last = std::find_if(
      units_.rbegin(), units_.rend(), [](const Unit& unit) { return unit.parent != kFree; });
  // A base is at most the last taken unit.
  units_.resize(static_cast<size_t>(units_.rend() - last) + kLabels);
  units_.shrink_to_fit();
}

}  // namespace linscan
