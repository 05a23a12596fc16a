#include "linscan/model/model_writer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/model/weights.h"

namespace linscan {
namespace {

// Between two pieces an interrupt is noticed.
constexpr int64_t kPieceBytes = int64_t{64} << 20;

// As transformers lists its parameters: what comes before the blocks, the blocks, what comes after.
int stage_of(Slot slot) {
  return is_block_slot(slot) ? 1 : slot < Slot::kFinalNormWeight ? 0 : 2;
}

CheckpointWriterOptions with_source(CheckpointWriterOptions options, const Model& source) {
  options.source = source.checkpoint.folder();
  return options;
}

}  // namespace

std::vector<ModelWriter::Entry> ModelWriter::list_entries(const Model& source,
                                                          const std::vector<int64_t>& kept_blocks) {
  std::map<int64_t, int64_t> place;  // block of the source -> block of the result
  for (const int64_t block : kept_blocks) {
    const auto next = static_cast<int64_t>(place.size());
    LINSCAN_CHECK(block >= 0 && block < source.config.blocks() && place.emplace(block, next).second,
                  kInternal,
                  "block {} is kept twice or is none of {}",
                  block,
                  source.config.blocks());
  }
  std::vector<Entry> entries;
  std::set<const TensorView*> listed;  // the matrix of a tied head has two keys
  for (const auto& [key, weight] : source.weights.all()) {
    const bool in_block = key.block != kOutsideBlocks;
    if ((in_block && !place.contains(key.block)) || !listed.insert(weight.tensor).second) {
      continue;
    }
    entries.push_back({key, source.weights.name(key, in_block ? place.at(key.block) : 0)});
  }
  std::ranges::stable_sort(entries, {}, [&](const Entry& entry) {
    const int64_t block = entry.key.block == kOutsideBlocks ? 0 : place.at(entry.key.block);
    return std::pair(stage_of(entry.key.slot), block);
  });
  return entries;
}

std::vector<TensorEntry> ModelWriter::tensor_entries(const Model& source,
                                                     const std::vector<Entry>& entries) {
  std::vector<TensorEntry> tensors;
  tensors.reserve(entries.size());
  for (const Entry& entry : entries) {
    const TensorView& tensor = *source.weights.all().at(entry.key).tensor;
    tensors.push_back({entry.name, tensor.dtype, tensor.shape});
  }
  return tensors;
}

ModelWriter::ModelWriter(const Model& source,
                         const std::filesystem::path& folder,
                         std::vector<int64_t> kept_blocks,
                         CheckpointWriterOptions options)
    : source_(source),
      entries_(list_entries(source, kept_blocks)),
      writer_(folder, tensor_entries(source, entries_), with_source(std::move(options), source)) {}

void ModelWriter::write(const WeightKey& key, const at::Tensor& weight) {
  const auto entry = std::ranges::find(entries_, key, &Entry::key);
  LINSCAN_CHECK(entry != entries_.end() && !entry->written,
                kInternal,
                "weight {} of block {} is not to be written, or was already",
                name(key.slot),
                key.block);
  const MappedWeight& mapped = source_.weights.all().at(key);
  const at::Tensor stored = encode_weight(weight, mapped.transform, source_.config)
                                .to(at::kCPU, tensor_from_view(*mapped.tensor).scalar_type())
                                .contiguous();
  const std::vector<int64_t> shape = stored.sizes().vec();
  LINSCAN_CHECK(shape == mapped.tensor->shape,
                kInternal,
                "{}: a weight of shape ({}) for a tensor of shape ({})",
                entry->name,
                fmt::join(shape, ", "),
                fmt::join(mapped.tensor->shape, ", "));
  writer_.write(entry->name, 0, stored.const_data_ptr(), mapped.tensor->bytes);
  entry->written = true;
}

void ModelWriter::commit(const Json& config) {
  for (Entry& entry : entries_) {
    if (entry.written) {
      continue;
    }
    const TensorView& tensor = *source_.weights.all().at(entry.key).tensor;
    for (int64_t at = 0; at < tensor.bytes; at += kPieceBytes) {
      check_interrupt();
      writer_.write(entry.name, at, tensor.data() + at, std::min(kPieceBytes, tensor.bytes - at));
    }
    tensor.release();
    entry.written = true;
  }
  writer_.commit(config);
}

}  // namespace linscan
