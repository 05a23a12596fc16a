#include "io/checkpoint_index.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "io/json_events.h"
#include "linscan/base/error.h"
#include "linscan/base/json.h"

namespace linscan {
namespace {

constexpr int64_t kMaxIndexBytes = 100'000'000;

// A name that cannot lead out of the folder.
bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.size() <= 255 &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

// {"metadata": ..., "weight_map": {tensor: shard, ...}}
class IndexHandler : public JsonHandler {
 public:
  explicit IndexHandler(std::string_view what) : what_(what) {}

  void begin_object() override {
    check_place("an object");
    ++depth_;
    has_map_ |= in_map_;
  }
  void begin_array() override {
    check_place("an array");
    ++depth_;
  }
  void end() override { --depth_; }

  void key(std::string& text) override {
    if (depth_ == 1) {
      in_map_ = text == "weight_map";
    } else if (in_map_) {
      tensor_ = std::move(text);
    }
  }
  void string(std::string& text) override {
    if (depth_ != 2 || !in_map_) {
      other("a string");
      return;
    }
    LINSCAN_CHECK(
        is_plain_file_name(text),
        kInput,
        "{}: weight_map: {}: {} is no plain file name; shards must lie in the folder itself",
        what_,
        show(tensor_),
        show(text));
    index_.weight_map.emplace_back(std::move(tensor_), std::move(text));
  }
  void number(uint64_t) override { other("a number"); }
  void other(std::string_view kind) override { check_place(kind); }

  CheckpointIndex take() {
    LINSCAN_CHECK(has_map_, kInput, "{}: has no weight_map", what_);
    return std::move(index_);
  }

 private:
  // Only the top level and the weight_map have a shape of ours; the rest of the document may hold
  // anything.
  void check_place(std::string_view got) const {
    const bool is_top = depth_ == 0;
    const bool is_map_itself = depth_ == 1 && in_map_;
    const bool is_in_map = depth_ == 2 && in_map_;
    if (is_top || is_map_itself) {
      LINSCAN_CHECK(got == "an object",
                    kInput,
                    "{}: {} is {}, expected an object",
                    what_,
                    is_top ? "the document" : "weight_map",
                    got);
    }
    if (is_in_map) {
      fail_input("{}: weight_map: {}: got {}, expected a string", what_, show(tensor_), got);
    }
  }

  std::string_view what_;
  CheckpointIndex index_;
  int depth_ = 0;        // open objects and arrays
  bool in_map_ = false;  // the key of the top level that is being read is "weight_map"
  bool has_map_ = false;
  std::string tensor_;
};

}  // namespace

CheckpointIndex read_checkpoint_index(const std::filesystem::path& path) {
  const std::string text = read_file(path, kMaxIndexBytes);
  const std::string what = path.string();
  IndexHandler handler(what);
  parse_json_events(text, what, handler);
  CheckpointIndex index = handler.take();
  LINSCAN_CHECK(!index.weight_map.empty(), kInput, "{}: weight_map is empty", what);
  std::ranges::sort(index.weight_map);
  index.shards.reserve(index.weight_map.size());
  for (const auto& [tensor, shard] : index.weight_map) {
    if (index.shards.empty() || index.shards.back() != shard) {
      index.shards.push_back(shard);
    }
  }
  std::ranges::sort(index.shards);
  index.shards.erase(std::unique(index.shards.begin(), index.shards.end()), index.shards.end());
  return index;
}

}  // namespace linscan
