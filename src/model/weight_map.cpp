#include "linscan/model/weight_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>

#include "linscan/base/error.h"

namespace linscan {
namespace {

constexpr size_t kMaxListed = 12;
constexpr int64_t kMaxTensors = 4'000'000;  // what a config may ask for before it is absurd

// The value of a dimension letter in a block (kOutsideBlocks: of the model).
int64_t dimension(char letter, const DecoderConfig& config, int64_t block) {
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
      return block == kOutsideBlocks ? config.mlp : config.mlp_size(block);
    case 'H':
      return config.heads;
    case 'K':
      return config.kv_heads;
    case 'D':
      return config.head_size;
    case 'X':
      return config.experts.count;
    case 'M':
      return config.experts.size;
    case 'S':
      return config.experts.shared_size;
    default:
      break;
  }
  fail(ErrorKind::kInternal, "weight table: unknown dimension letter '{}'", letter);
}

// "HD+2KD,C" with a config: {H * D + 2 * K * D, C}.
std::vector<int64_t> expected_shape(const std::string& expression,
                                    const DecoderConfig& config,
                                    int64_t block) {
  std::vector<int64_t> shape = {0};
  int64_t product = 1;
  for (const char c : expression) {
    if (c == ',' || c == '+') {
      shape.back() += product;
      product = 1;
      if (c == ',') {
        shape.push_back(0);
      }
    } else {
      product *= c >= '0' && c <= '9' ? c - '0' : dimension(c, config, block);
    }
  }
  shape.back() += product;
  return shape;
}

void replace_braces(std::string& name, int64_t number) {
  if (const size_t braces = name.find("{}"); braces != std::string::npos) {
    name.replace(braces, 2, std::to_string(number));
  }
}

std::string with_prefix(std::string pattern, std::string_view prefix) {
  if (pattern.starts_with('@')) {
    pattern.replace(0, 1, prefix);
  }
  return pattern;
}

std::string concrete_name(const std::string& pattern,
                          std::string_view prefix,
                          int64_t block,
                          int64_t index = 0) {
  std::string name = with_prefix(pattern, prefix);
  replace_braces(name, block);
  replace_braces(name, index);
  return name;
}

bool is_block_row(const WeightRow& row) {
  return row.pattern.find("{}") != std::string::npos;
}

// How many tensors a row stands for in one block: one for each expert or head.
int64_t tensors_of_row(const WeightRow& row, const DecoderConfig& config) {
  const size_t first = row.pattern.find("{}");
  if (first == std::string::npos || row.pattern.find("{}", first + 2) == std::string::npos) {
    return 1;
  }
  if (is_expert_slot(row.slot)) {
    return config.experts.count;
  }
  return row.slot == Slot::kQueryNormWeight ? config.heads : config.kv_heads;
}

bool row_applies(const WeightRow& row, const DecoderConfig& config, int64_t block) {
  const BlockConfig& own = config.per_block[static_cast<size_t>(block)];
  if (!form_has(config, own, row.slot)) {
    return false;
  }
  switch (row.blocks) {
    case BlockSet::kAll:
      return true;
    case BlockSet::kDense:
      return !own.experts;
    case BlockSet::kExperts:
      return own.experts;
    case BlockSet::kMapOnly:
      return !own.has_mlp();
    case BlockSet::kMapInAttention:
      return own.has_mlp();
  }
  return false;
}

// The blocks that have the row's tensors: kOutsideBlocks for one of the model.
std::vector<int64_t> blocks_of_row(const WeightRow& row, const DecoderConfig& config) {
  if (!is_block_row(row)) {
    return {kOutsideBlocks};
  }
  std::vector<int64_t> blocks;
  for (int64_t block = 0; block < config.blocks(); ++block) {
    if (row_applies(row, config, block)) {
      blocks.push_back(block);
    }
  }
  return blocks;
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

// Applies a weight table to a checkpoint, row by row.
class Resolver {
 public:
  Resolver(const Checkpoint& checkpoint, const DecoderConfig& config, std::string_view prefix)
      : checkpoint_(checkpoint), config_(config), prefix_(prefix) {}

  void take(const WeightRow& row) {
    for (const int64_t block : blocks_of_row(row, config_)) {
      take_in_block(row, block);
    }
  }

  // A tied model may store its one matrix as embedding or as head; where both are stored both are
  // kept, as transformers 5 does.
  void tie_head() {
    const WeightKey embedding{kOutsideBlocks, Slot::kTokenEmbedding};
    const WeightKey head{kOutsideBlocks, Slot::kHead};
    if (weights_.contains(embedding) != weights_.contains(head)) {
      const bool has_embedding = weights_.contains(embedding);
      const WeightKey& stored = has_embedding ? embedding : head;
      const WeightKey& absent = has_embedding ? head : embedding;
      weights_.emplace(absent, weights_.at(stored));
      wanted_.erase(absent);
    }
  }

  std::map<WeightKey, MappedWeight> finish(const Family& family) {
    for (const auto& [key, name] : wanted_) {
      problems_.missing(name);
    }
    for (const std::string& name : checkpoint_.names()) {
      if (!known_.contains(name)) {
        problems_.unexpected(name);
      }
    }
    problems_.raise_if_any(checkpoint_, family.name);
    return std::move(weights_);
  }

 private:
  void take_in_block(const WeightRow& row, int64_t block) {
    const int64_t tensors = tensors_of_row(row, config_);
    asked_ += tensors;
    LINSCAN_CHECK(asked_ <= kMaxTensors,
                  kInput,
                  "{}: config.json asks for more than {} tensors",
                  checkpoint_.folder().string(),
                  kMaxTensors);
    for (int64_t index = 0; index < tensors; ++index) {
      std::string name = concrete_name(row.pattern, prefix_, block, index);
      if (row.presence == Presence::kRequired) {
        take_tensor(row, {block, row.slot, index}, name);
      }
      known_.insert(std::move(name));
    }
  }

  void take_tensor(const WeightRow& row, const WeightKey& key, const std::string& name) {
    const TensorView* tensor = checkpoint_.find(name);
    if (tensor == nullptr) {
      if (!weights_.contains(key)) {
        wanted_.emplace(key, name);
      }
      return;
    }
    const std::vector<int64_t> expected = expected_shape(row.shape, config_, key.block);
    if (tensor->shape != expected || !is_floating(tensor->dtype)) {
      problems_.misshapen(fmt::format("{} is {} {}, expected floating point {}",
                                      name,
                                      linscan::name(tensor->dtype),
                                      shape_text(tensor->shape),
                                      shape_text(expected)));
    }
    weights_.emplace(key, MappedWeight{tensor, row.transform, with_prefix(row.pattern, prefix_)});
    wanted_.erase(key);
  }

  const Checkpoint& checkpoint_;
  const DecoderConfig& config_;
  std::string_view prefix_;
  std::map<WeightKey, MappedWeight> weights_;
  std::map<WeightKey, std::string> wanted_;  // not found yet, with the name looked for
  std::unordered_set<std::string> known_;
  int64_t asked_ = 0;
  Problems problems_;
};

}  // namespace

std::vector<WantedTensor> wanted_tensors(const DecoderConfig& config,
                                         const std::vector<WeightRow>& rows,
                                         std::string_view prefix) {
  std::vector<WantedTensor> wanted;
  for (const WeightRow& row : rows) {
    if (row.presence != Presence::kRequired) {
      continue;
    }
    for (const int64_t block : blocks_of_row(row, config)) {
      const std::vector<int64_t> shape = expected_shape(row.shape, config, block);
      for (int64_t index = 0; index < tensors_of_row(row, config); ++index) {
        wanted.push_back({{block, row.slot, index},
                          concrete_name(row.pattern, prefix, block, index),
                          shape,
                          row.transform});
      }
    }
  }
  return wanted;
}

WeightMap WeightMap::resolve(const Checkpoint& checkpoint,
                             const DecoderConfig& config,
                             const Family& family) {
  const std::vector<WeightRow> rows = weight_rows(family, config);
  const std::string_view prefix = choose_prefix(checkpoint, family, rows);
  Resolver resolver(checkpoint, config, prefix);
  for (const WeightRow& row : rows) {
    resolver.take(row);
  }
  if (config.tied_head) {
    resolver.tie_head();
  }
  WeightMap map;
  map.prefix_ = prefix;
  map.blocks_ = config.blocks();
  map.weights_ = resolver.finish(family);
  std::set<const std::byte*> counted;  // two names may share their bytes
  for (const auto& [key, weight] : map.weights_) {
    if (counted.insert(weight.tensor->data()).second) {
      map.parameters_ += weight.tensor->elements();
    }
  }
  return map;
}

const MappedWeight* WeightMap::find(Slot slot, int64_t block, int64_t index) const {
  const auto found = weights_.find({is_block_slot(slot) ? block : kOutsideBlocks, slot, index});
  return found == weights_.end() ? nullptr : &found->second;
}

std::string WeightMap::name(const WeightKey& key, int64_t block) const {
  return concrete_name(weights_.at(key).pattern, "", block, key.index);
}

std::vector<const TensorView*> WeightMap::block_tensors(int64_t block) const {
  std::set<const TensorView*> distinct;
  for (auto it = weights_.lower_bound({block, Slot{0}, 0});
       it != weights_.end() && it->first.block == block;
       ++it) {
    distinct.insert(it->second.tensor);
  }
  return {distinct.begin(), distinct.end()};
}

std::vector<const TensorView*> WeightMap::model_tensors() const {
  return block_tensors(kOutsideBlocks);
}

DType WeightMap::dtype() const {
  const std::vector<const TensorView*> tensors = block_tensors(0);
  return (*std::ranges::max_element(tensors, {}, &TensorView::bytes))->dtype;
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
