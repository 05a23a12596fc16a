#include "linscan/model/weight_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <unordered_map>

#include "linscan/base/error.h"

namespace linscan {
namespace {

constexpr int64_t kOutsideBlocks = -1;
constexpr size_t kMaxListed = 12;

// The value of a dimension letter.
int64_t dimension(char letter, const DecoderConfig& config) {
  switch (letter) {
    case 'C':
      return config.hidden;
    case 'V':
      return config.vocabulary;
    case 'E':
      return config.embedding;
    case 'P':
      return config.max_positions + config.position_offset;
    case 'F':
      return config.mlp;
    case 'H':
      return config.heads;
    case 'K':
      return config.kv_heads;
    case 'D':
      return config.head_size;
    default:
      break;
  }
  fail(ErrorKind::kInternal, "weight table: unknown dimension letter '{}'", letter);
}

// "3HD,C" with a config: {3 * H * D, C}.
std::vector<int64_t> expected_shape(const std::string& expression, const DecoderConfig& config) {
  std::vector<int64_t> shape = {1};
  for (const char c : expression) {
    if (c == ',') {
      shape.push_back(1);
    } else {
      shape.back() *= c >= '0' && c <= '9' ? c - '0' : dimension(c, config);
    }
  }
  return shape;
}

std::string concrete_name(const std::string& pattern, std::string_view prefix, int64_t block) {
  std::string name = pattern;
  if (const size_t braces = name.find("{}"); braces != std::string::npos) {
    name.replace(braces, 2, std::to_string(block));
  }
  if (name.starts_with('@')) {
    name.replace(0, 1, prefix);
  }
  return name;
}

bool is_block_row(const WeightRow& row) {
  return row.pattern.find("{}") != std::string::npos;
}

// The base-model prefix under which most of block 0 and the model's own weights are found.
std::string_view choose_prefix(const Checkpoint& checkpoint,
                               const Family& family,
                               const std::vector<WeightRow>& rows) {
  std::string_view best = family.prefixes.front();
  int most = -1;
  for (const std::string_view prefix : family.prefixes) {
    int found = 0;
    for (const WeightRow& row : rows) {
      if (row.pattern.starts_with('@') && row.presence == Presence::kRequired) {
        found += checkpoint.find(concrete_name(row.pattern, prefix, 0)) != nullptr ? 1 : 0;
      }
    }
    if (found > most) {
      most = found;
      best = prefix;
    }
  }
  return best;
}

std::string shape_text(const std::vector<int64_t>& shape) {
  return fmt::format("({})", fmt::join(shape, ", "));
}

bool is_floating(DType dtype) {
  return dtype == DType::kF64 || dtype == DType::kF32 || dtype == DType::kF16 ||
         dtype == DType::kBF16;
}

// Gathers what is wrong, so that the user sees all of it at once.
class Problems {
 public:
  void missing(std::string text) { missing_.push_back(std::move(text)); }
  void unexpected(std::string text) { unexpected_.push_back(std::move(text)); }
  void misshapen(std::string text) { misshapen_.push_back(std::move(text)); }

  void raise_if_any(const Checkpoint& checkpoint, std::string_view family) const {
    std::string text;
    append(text, "missing", missing_);
    append(text, "unexpected", unexpected_);
    append(text, "wrong shape or type", misshapen_);
    if (!text.empty()) {
      fail_input("{}: the tensors do not fit a {} model of this config.json: {}",
                 checkpoint.folder().string(),
                 family,
                 text);
    }
  }

 private:
  static void append(std::string& text,
                     std::string_view title,
                     const std::vector<std::string>& items) {
    if (items.empty()) {
      return;
    }
    text += fmt::format("{}{} {}: ", text.empty() ? "" : "; ", items.size(), title);
    const size_t shown = std::min(items.size(), kMaxListed);
    text += fmt::format(
        "{}", fmt::join(items.begin(), items.begin() + static_cast<int64_t>(shown), ", "));
    if (items.size() > shown) {
      text += fmt::format(" and {} more", items.size() - shown);
    }
  }

  std::vector<std::string> missing_, unexpected_, misshapen_;
};

}  // namespace

WeightMap WeightMap::resolve(const Checkpoint& checkpoint,
                             const DecoderConfig& config,
                             const Family& family) {
  WeightMap map;
  map.blocks_ = config.blocks();
  const std::vector<WeightRow> rows = family.weight_rows(config);
  const std::string_view prefix = choose_prefix(checkpoint, family, rows);
  Problems problems;
  std::set<std::string> known;
  std::map<std::pair<int64_t, Slot>, std::string>
      wanted;  // slots not found yet, with the name looked for

  for (const WeightRow& row : rows) {
    const int64_t first = is_block_row(row) ? 0 : kOutsideBlocks;
    const int64_t last = is_block_row(row) ? map.blocks_ - 1 : kOutsideBlocks;
    const std::vector<int64_t> expected = row.presence == Presence::kIgnored
                                              ? std::vector<int64_t>{}
                                              : expected_shape(row.shape, config);
    for (int64_t block = first; block <= last; ++block) {
      const std::string name = concrete_name(row.pattern, prefix, block);
      known.insert(name);
      if (row.presence == Presence::kIgnored) {
        continue;
      }
      const std::pair key(block, row.slot);
      const TensorView* tensor = checkpoint.find(name);
      if (tensor == nullptr) {
        if (!map.weights_.contains(key)) {
          wanted.emplace(key, name);
        }
        continue;
      }
      if (tensor->shape != expected || !is_floating(tensor->dtype)) {
        problems.misshapen(fmt::format("{} is {} {}, expected floating point {}",
                                       name,
                                       linscan::name(tensor->dtype),
                                       shape_text(tensor->shape),
                                       shape_text(expected)));
      }
      map.weights_.emplace(key, MappedWeight{tensor, row.transform});
      wanted.erase(key);
    }
  }
  // A tied model may store its one matrix as embedding or as head; where both are stored both are
  // kept, as transformers 5 does.
  if (config.tied_head) {
    const std::pair embedding(kOutsideBlocks, Slot::kTokenEmbedding);
    const std::pair head(kOutsideBlocks, Slot::kHead);
    if (map.weights_.contains(embedding) != map.weights_.contains(head)) {
      const bool has_embedding = map.weights_.contains(embedding);
      map.weights_.emplace(has_embedding ? head : embedding,
                           map.weights_.at(has_embedding ? embedding : head));
      wanted.erase(has_embedding ? head : embedding);
    }
  }
  for (const auto& [key, name] : wanted) {
    problems.missing(name);
  }
  for (const std::string& name : checkpoint.names()) {
    if (!known.contains(name)) {
      problems.unexpected(name);
    }
  }
  problems.raise_if_any(checkpoint, family.name);

  std::set<const TensorView*> counted;
  for (const auto& [key, weight] : map.weights_) {
    if (counted.insert(weight.tensor).second) {
      map.parameters_ += weight.tensor->elements();
    }
  }
  return map;
}

const MappedWeight* WeightMap::find(Slot slot, int64_t block) const {
  const auto found = weights_.find({is_block_slot(slot) ? block : kOutsideBlocks, slot});
  return found == weights_.end() ? nullptr : &found->second;
}

std::vector<const TensorView*> WeightMap::block_tensors(int64_t block) const {
  std::set<const TensorView*> distinct;
  for (auto it = weights_.lower_bound({block, Slot{0}});
       it != weights_.end() && it->first.first == block;
       ++it) {
    distinct.insert(it->second.tensor);
  }
  return {distinct.begin(), distinct.end()};
}

std::vector<const TensorView*> WeightMap::model_tensors() const {
  return block_tensors(kOutsideBlocks);
}

int64_t WeightMap::largest_block_bytes() const {
  int64_t largest = 0;
  for (int64_t block = 0; block < blocks_; ++block) {
    int64_t bytes = 0;
    for (const TensorView* tensor : block_tensors(block)) {
      bytes += tensor->bytes;
    }
    largest = std::max(largest, bytes);
  }
  return largest;
}

}  // namespace linscan
