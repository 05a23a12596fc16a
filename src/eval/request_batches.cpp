#include "eval/request_batches.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

namespace linscan {
namespace {

constexpr int64_t kLeastSaved = 16;  // rows that sharing must save to be worth a window of its own
constexpr int64_t kMostLevels = 64;  // of windows that continue one another
constexpr int64_t kNone = -1;

int64_t input_length(const ScoreRequest& request) {
  return static_cast<int64_t>(request.ids.size()) - 1;
}

std::span<const int32_t> input_of(const ScoreRequest& request) {
  return std::span(request.ids).first(request.ids.size() - 1);
}

// Tokens [begin, end) of the inputs of some requests, all the same there.
struct Node {
  int64_t example = 0;  // one of these requests
  int64_t begin = 0;
  int64_t end = 0;
  int64_t rows = 0;               // with all below
  std::vector<int64_t> requests;  // whose inputs end here
  std::vector<int64_t> children;

  int64_t length() const { return end - begin; }
};

// The inputs as a tree: what several begin with is one node.
class PrefixTree {
 public:
  // order  requests sorted by input.
  PrefixTree(std::span<const ScoreRequest> requests, std::span<const int64_t> order)
      : requests_(requests), order_(order) {
    build(0, static_cast<int64_t>(order.size()), 0, 0, kNone);
  }

  // Requests that may not share: a tree of leaves, one for all with the same input.
  static PrefixTree leaves(std::span<const ScoreRequest> requests, std::span<const int64_t> order) {
    PrefixTree tree(requests);
    for (const int64_t request : order) {
      const bool same = !tree.nodes_.empty() &&
                        std::ranges::equal(input_of(requests[static_cast<size_t>(request)]),
                                           tree.input(tree.nodes_.back().example));
      if (!same) tree.add(request, 0, tree.length(request), kNone);
      tree.nodes_.back().requests.push_back(request);
    }
    return tree;
  }

  const Node& node(int64_t index) const { return nodes_[static_cast<size_t>(index)]; }
  const std::vector<int64_t>& roots() const { return roots_; }

 private:
  explicit PrefixTree(std::span<const ScoreRequest> requests) : requests_(requests) {}

  std::span<const int32_t> input(int64_t request) const {
    return input_of(requests_[static_cast<size_t>(request)]);
  }
  int64_t length(int64_t request) const {
    return input_length(requests_[static_cast<size_t>(request)]);
  }
  int64_t at(int64_t place) const { return order_[static_cast<size_t>(place)]; }

  int64_t add(int64_t request, int64_t begin, int64_t end, int64_t parent) {
    const auto index = static_cast<int64_t>(nodes_.size());
    Node node;
    node.example = request;
    node.begin = begin;
    node.end = end;
    node.rows = end - begin;
    nodes_.push_back(std::move(node));
    (parent == kNone ? roots_ : nodes_[static_cast<size_t>(parent)].children).push_back(index);
    return index;
  }

  // Places [low, high) of the order, whose inputs agree before `depth`. Their nodes begin at
  // `begin` and hang below `parent`.
  void build(int64_t low, int64_t high, int64_t begin, int64_t level, int64_t parent) {
    if (low == high) return;
    const std::span<const int32_t> first = input(at(low));
    const std::span<const int32_t> last = input(at(high - 1));
    const int64_t end = std::ranges::mismatch(first, last).in1 - first.begin();
    // The inputs that end here come first; the others by their next token.
    int64_t own_end = low;
    while (own_end < high && length(at(own_end)) == end) ++own_end;
    std::vector<int64_t> starts;
    for (int64_t place = own_end; place < high; ++place) {
      if (place == own_end || next_token(place, end) != next_token(place - 1, end)) {
        starts.push_back(place);
      }
    }
    const auto ways = static_cast<int64_t>(starts.size()) + (own_end > low ? 1 : 0);
    const bool shared =
        !starts.empty() && (end - begin) * (ways - 1) >= kLeastSaved && level < kMostLevels;
    int64_t node = kNone;
    if (own_end > low || shared) {
      node = add(at(low), begin, end, parent);
      for (int64_t place = low; place < own_end; ++place) {
        nodes_[static_cast<size_t>(node)].requests.push_back(at(place));
      }
    }
    starts.push_back(high);
    for (size_t i = 0; i + 1 < starts.size(); ++i) {
      // Where a beginning is too short to be shared, what continues it repeats it.
      build(starts[i],
            starts[i + 1],
            shared ? end : begin,
            shared ? level + 1 : level,
            shared ? node : parent);
    }
    if (shared) {
      Node& made = nodes_[static_cast<size_t>(node)];
      for (const int64_t child : made.children) made.rows += this->node(child).rows;
    }
  }

  int32_t next_token(int64_t place, int64_t depth) const {
    return input(at(place))[static_cast<size_t>(depth)];
  }

  std::span<const ScoreRequest> requests_;
  std::span<const int64_t> order_;
  std::vector<Node> nodes_;
  std::vector<int64_t> roots_;
};

// A window of a group: a node of the tree, and the window it continues.
struct GroupWindow {
  int64_t node;
  int64_t parent;  // place in the group, or kNone
  bool scores;     // the requests that end in the node are scored here
};

// Windows that must stand in one batch.
struct Group {
  const PrefixTree* tree;
  std::vector<GroupWindow> windows;
  int64_t rows = 0;
};

// Cuts a tree into groups of about `limit` rows. A beginning whose continuations fill several
// groups is repeated in each.
class Grouper {
 public:
  Grouper(const PrefixTree& tree, int64_t limit, std::vector<Group>& groups)
      : tree_(tree), limit_(limit), groups_(groups) {}

  void run() {
    for (const int64_t root : tree_.roots()) place(root, {});
  }

 private:
  // chain  the nodes above, outermost first.
  void place(int64_t index, const std::vector<int64_t>& chain) {
    const Node& node = tree_.node(index);
    const int64_t above = rows_of(chain);
    if (node.children.empty() || above + node.rows <= room(above)) {
      Group group = begin_group(chain);
      add_tree(group, index, static_cast<int64_t>(group.windows.size()) - 1);
      groups_.push_back(std::move(group));
      return;
    }
    std::vector<int64_t> longer = chain;
    longer.push_back(index);
    const int64_t fixed = above + node.length();
    Group group = begin_group(longer);
    group.windows.back().scores = true;
    bool pending = !node.requests.empty();
    for (const int64_t child : node.children) {
      const int64_t rows = tree_.node(child).rows;
      if (fixed + rows > room(fixed)) {
        place(child, longer);
        continue;
      }
      if (group.rows + rows > room(fixed)) {
        groups_.push_back(std::move(group));
        group = begin_group(longer);
        pending = false;
      }
      add_tree(group, child, static_cast<int64_t>(longer.size()) - 1);
      pending = true;
    }
    if (pending) groups_.push_back(std::move(group));
  }

  // Rows of a group with so many before its continuations: a long beginning is not repeated for
  // every one of them.
  int64_t room(int64_t before) const { return std::max(limit_, 2 * before); }

  int64_t rows_of(const std::vector<int64_t>& chain) const {
    int64_t rows = 0;
    for (const int64_t index : chain) rows += tree_.node(index).length();
    return rows;
  }

  Group begin_group(const std::vector<int64_t>& chain) const {
    Group group{&tree_, {}, rows_of(chain)};
    for (const int64_t index : chain) {
      group.windows.push_back({index, static_cast<int64_t>(group.windows.size()) - 1, false});
    }
    return group;
  }

  void add_tree(Group& group, int64_t index, int64_t parent) const {
    const Node& node = tree_.node(index);
    const auto place = static_cast<int64_t>(group.windows.size());
    group.windows.push_back({index, parent, true});
    group.rows += node.length();
    for (const int64_t child : node.children) add_tree(group, child, place);
  }

  const PrefixTree& tree_;
  int64_t limit_;
  std::vector<Group>& groups_;
};

// Puts groups into one batch: windows by how many others they continue, then by length, so that
// attention finds long runs of equal ones.
class BatchBuilder {
 public:
  explicit BatchBuilder(std::span<const ScoreRequest> requests) : requests_(requests) {}

  int64_t rows() const { return rows_; }

  void add(const Group& group) {
    const auto offset = static_cast<int64_t>(windows_.size());
    for (const GroupWindow& window : group.windows) {
      const Window* parent =
          window.parent == kNone ? nullptr : &windows_[static_cast<size_t>(offset + window.parent)];
      windows_.push_back({&group.tree->node(window.node),
                          parent == nullptr ? kNone : offset + window.parent,
                          parent == nullptr ? 0 : parent->level + 1,
                          window.scores,
                          0,
                          0});
    }
    rows_ += group.rows;
  }

  RequestBatch finish() {
    std::vector<int64_t> order(windows_.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, {}, [&](int64_t w) {
      const Window& window = windows_[static_cast<size_t>(w)];
      return std::tuple(window.level, window.node->begin, window.node->length());
    });
    RequestBatch batch;
    for (size_t place = 0; place < order.size(); ++place) {
      Window& window = windows_[static_cast<size_t>(order[place])];
      window.place = static_cast<int64_t>(place);
      window.first_row = static_cast<int64_t>(batch.ids.size());
      batch.lengths.push_back(window.node->length());
      batch.prefixes.push_back(
          window.parent == kNone ? kNone : windows_[static_cast<size_t>(window.parent)].place);
      const auto& ids = requests_[static_cast<size_t>(window.node->example)].ids;
      batch.ids.insert(
          batch.ids.end(), ids.begin() + window.node->begin, ids.begin() + window.node->end);
    }
    for (const Window& window : windows_) {
      if (!window.scores) continue;
      for (const int64_t request : window.node->requests) add_places(batch, window, request);
    }
    std::ranges::stable_sort(batch.places, {}, &ScoredPlace::row);
    windows_.clear();
    rows_ = 0;
    return batch;
  }

 private:
  struct Window {
    const Node* node;
    int64_t parent;
    int64_t level;
    bool scores;
    int64_t place;
    int64_t first_row;
  };

  // The scored positions of a request, from its last window back to those it continues.
  void add_places(RequestBatch& batch, const Window& last, int64_t request) const {
    const ScoreRequest& asked = requests_[static_cast<size_t>(request)];
    const Window* window = &last;
    for (int64_t position = input_length(asked) - 1; position >= input_length(asked) - asked.scored;
         --position) {
      while (position < window->node->begin) {
        window = &windows_[static_cast<size_t>(window->parent)];
      }
      batch.places.push_back({window->first_row + position - window->node->begin,
                              asked.ids[static_cast<size_t>(position + 1)],
                              request});
    }
  }

  std::span<const ScoreRequest> requests_;
  std::vector<Window> windows_;
  int64_t rows_ = 0;
};

}  // namespace

std::vector<RequestBatch> make_batches(std::span<const ScoreRequest> requests,
                                       int64_t batch_rows,
                                       const std::function<bool(int64_t length)>& may_share) {
  std::vector<int64_t> sharing;
  std::vector<int64_t> apart;
  for (size_t i = 0; i < requests.size(); ++i) {
    const bool shares = may_share(input_length(requests[i]));
    (shares ? sharing : apart).push_back(static_cast<int64_t>(i));
  }
  for (std::vector<int64_t>* order : {&sharing, &apart}) {
    std::ranges::stable_sort(*order, [&](int64_t a, int64_t b) {
      return std::ranges::lexicographical_compare(input_of(requests[static_cast<size_t>(a)]),
                                                  input_of(requests[static_cast<size_t>(b)]));
    });
  }
  const PrefixTree shared(requests, sharing);
  const PrefixTree single = PrefixTree::leaves(requests, apart);
  std::vector<Group> groups;
  Grouper(shared, batch_rows, groups).run();
  Grouper(single, batch_rows, groups).run();
  // Beginnings of similar lengths together, the longest first: memory is known to suffice early.
  std::ranges::stable_sort(groups, std::greater(), [](const Group& group) {
    return group.tree->node(group.windows.front().node).length();
  });

  std::vector<RequestBatch> batches;
  BatchBuilder builder(requests);
  for (const Group& group : groups) {
    if (builder.rows() > 0 && builder.rows() + group.rows > batch_rows) {
      batches.push_back(builder.finish());
    }
    builder.add(group);
  }
  if (builder.rows() > 0) batches.push_back(builder.finish());
  return batches;
}

}  // namespace linscan
