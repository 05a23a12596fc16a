// Writes a decoder back as a checkpoint of its family: the weight tables read backwards. Needs
// libtorch.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/io/checkpoint_writer.h"
#include "linscan/model/model.h"
#include "linscan/model/weight_map.h"

namespace linscan {

// The written model has the blocks of the source that are kept, in their order, under the source's
// names, layouts and dtypes. Buffers that nothing reads are left out; a tied head is stored as the
// source stores it.
class ModelWriter {
 public:
  // `source` must outlive the writer; options.source is set to its folder. `kept_blocks`: numbers
  // of the source's blocks, each at most once. Throws as CheckpointWriter does.
  ModelWriter(const Model& source,
              const std::filesystem::path& folder,
              std::vector<int64_t> kept_blocks,
              CheckpointWriterOptions options = {});

  // Replaces a weight. key.block counts the source's blocks; `weight` is floating, on any device,
  // in the layout of its slot (as decode_weight gives it), and is stored in the source's dtype.
  // Each weight at most once; throws Error(kInternal) for one that the source does not have or that
  // is not kept, and for another shape.
  void write(const WeightKey& key, const at::Tensor& weight);

  // Copies every weight that was not written, bit for bit, and puts the folder in place with
  // `config` as its config.json.
  void commit(const Json& config);

 private:
  struct Entry {
    WeightKey key;
    std::string name;  // in the new folder
    bool written = false;
  };

  static std::vector<Entry> list_entries(const Model& source,
                                         const std::vector<int64_t>& kept_blocks);
  static std::vector<TensorEntry> tensor_entries(const Model& source,
                                                 const std::vector<Entry>& entries);

  const Model& source_;
  std::vector<Entry> entries_;
  CheckpointWriter writer_;
};

}  // namespace linscan
