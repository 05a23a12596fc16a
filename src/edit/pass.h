// What one pass of run_variants works with: batches by role, streams, and the block forward over
// them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "linscan/analyze/residual_stream.h"
#include "linscan/analyze/schedule.h"
#include "linscan/edit/variants.h"
#include "linscan/model/block.h"
#include "linscan/model/weights.h"

namespace linscan {

struct EditBatch {
  int64_t first_row;
  int64_t rows;
  std::vector<int64_t> windows;
  BatchLayout layout;
  bool fit;
  bool measured;
};

// The residual stream between two blocks, written once. Rows before `first_row` are not there:
// where nothing is fitted any more only the measured ones go on.
struct Stream {
  Stream(int64_t count, int64_t hidden, int64_t first) : rows(count, hidden), first_row(first) {}
  Stream(int64_t count, int64_t hidden, int64_t first, const std::filesystem::path& folder)
      : rows(count, hidden, folder), first_row(first) {}

  at::Tensor load(const EditBatch& batch, at::Device device) const {
    return rows.load(batch.first_row - first_row, batch.rows, device);
  }

  ResidualStream rows;
  const int64_t first_row;
};
using StreamPtr = std::shared_ptr<const Stream>;

// A block as it stands in an edited model: what forward_block needs to know of it.
struct PlacedBlock {
  BlockConfig config;
  std::shared_ptr<const BlockWeights> weights;
};

// What maps read: a stream, or what the block behind it makes of it for the method.
struct InputKey {
  const Stream* entry;
  int64_t carrier;
  Method method;
  bool normed;

  auto operator<=>(const InputKey&) const = default;
};

class EditPass {
 public:
  EditPass(const Model& model, const EditData& data, const VariantOptions& options, bool spill);

  const Model& model() const { return model_; }
  const WeightLoader& loader() const { return loader_; }
  const TokenWindows& windows() const { return *data_.windows; }
  at::Device device() const { return loader_.device(); }
  const std::vector<EditBatch>& batches() const { return batches_; }
  int64_t fit_tokens() const { return fit_tokens_; }
  bool wants_held_out() const { return held_out_; }
  bool keeps_weights() const { return keeps_weights_; }
  // Whether predictions are compared in the end: streams go on to the last block.
  bool measures() const { return predictions_ && first_measured_ < rows_; }

  // resid_pre.0 of all tokens.
  StreamPtr embed();

  // What a block makes of a batch.
  BlockOutput forward(const PlacedBlock& block,
                      const at::Tensor& x,
                      const EditBatch& batch,
                      bool with_mlp_hidden = false);

  // The stream after a block; only its measured rows unless `with_fit_rows`, and without rows where
  // nothing is measured either.
  StreamPtr push(const PlacedBlock& block, const Stream& stream, bool with_fit_rows);

  // Calls body for every batch that is fitted to, or measured.
  void for_fit_batches(const std::function<void(const EditBatch&)>& body) const;
  void for_measured_batches(const std::function<void(const EditBatch&)>& body) const;

  // The input that others already hold under this key, or a new one. Whoever holds it holds the
  // entry too.
  std::shared_ptr<RegressionInput> input(
      const InputKey& key, const std::function<std::shared_ptr<RegressionInput>()>& make);

  static int64_t stream_bytes(const Model& model, int64_t rows) {
    return rows * model.config.hidden * static_cast<int64_t>(sizeof(float));
  }

 private:
  std::shared_ptr<Stream> make_stream(bool with_fit_rows) const;
  void add_batches(const Schedule& schedule);

  const Model& model_;
  const EditData& data_;
  WeightLoader loader_;
  PositionCache positions_;
  std::vector<EditBatch> batches_;
  int64_t rows_ = 0;
  int64_t first_measured_ = 0;  // fitted rows come first, measured ones last
  int64_t fit_tokens_ = 0;
  std::map<InputKey, std::weak_ptr<RegressionInput>> inputs_;
  bool spill_;
  bool keeps_weights_;
  bool predictions_;
  bool held_out_;
};

}  // namespace linscan
