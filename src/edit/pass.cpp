#include "edit/pass.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"

namespace linscan {
namespace {

constexpr int64_t kBatchRows = 2048;  // large enough that matmuls run at full rate

// Storage order: what is only fitted, what is both, what is only measured, what is not used.
int32_t place(Role role) {
  switch (role) {
    case Role::kFit:
      return 0;
    case Role::kBoth:
      return 1;
    case Role::kMeasure:
      return 2;
    case Role::kUnused:
      return 3;
  }
  return 3;
}

FoldPlan by_role(const EditData& data) {
  FoldPlan plan;
  plan.folds = 4;
  plan.unit = "role";
  plan.tokens_of_fold.resize(4);
  for (size_t w = 0; w < data.roles.size(); ++w) {
    const int32_t fold = place(data.roles[w]);
    plan.fold_of_window.push_back(fold);
    plan.tokens_of_fold[static_cast<size_t>(fold)] += data.windows->windows[w].length;
  }
  return plan;
}

}  // namespace

EditPass::EditPass(const Model& model,
                   const EditData& data,
                   const VariantOptions& options,
                   bool spill)
    : model_(model),
      data_(data),
      loader_(model.weights, model.config, options.compute_dtype, options.device),
      positions_(model.config, options.compute_dtype, options.device),
      spill_(spill),
      keeps_weights_(options.keep_weights),
      predictions_(options.predictions),
      held_out_(options.held_out) {
  LINSCAN_CHECK(data.roles.size() == data.windows->windows.size(),
                kInternal,
                "{} roles for {} windows",
                data.roles.size(),
                data.windows->windows.size());
  add_batches(Schedule::make(*data.windows, by_role(data), kBatchRows));
}

void EditPass::add_batches(const Schedule& schedule) {
  const auto unused = [](const ScheduledBatch& batch) {
    return batch.fold == place(Role::kUnused);
  };
  const auto first_unused = std::ranges::find_if(schedule.batches, unused);
  rows_ = first_unused == schedule.batches.end() ? schedule.rows : first_unused->first_row;
  first_measured_ = rows_;
  for (const ScheduledBatch& batch : schedule.batches) {
    if (unused(batch)) {
      break;
    }
    std::vector<int64_t> lengths;
    for (const int64_t window : batch.windows) {
      lengths.push_back(windows().windows[static_cast<size_t>(window)].length);
    }
    const bool fit = batch.fold != place(Role::kMeasure);
    const bool measured = batch.fold != place(Role::kFit);
    if (measured) {
      first_measured_ = std::min(first_measured_, batch.first_row);
    }
    fit_tokens_ += fit ? batch.rows : 0;
    batches_.push_back({batch.first_row,
                        batch.rows,
                        batch.windows,
                        BatchLayout(std::move(lengths)),
                        fit,
                        measured});
  }
}

std::shared_ptr<Stream> EditPass::make_stream(bool with_fit_rows) const {
  const int64_t first = with_fit_rows ? 0 : first_measured_;
  const int64_t rows = rows_ - first;
  const int64_t hidden = model_.config.hidden;
  if (spill_ && rows > 0) {
    return std::make_shared<Stream>(rows, hidden, first, std::filesystem::temp_directory_path());
  }
  return std::make_shared<Stream>(rows, hidden, first);
}

StreamPtr EditPass::embed() {
  const EmbeddingWeights weights = loader_.embedding();
  std::shared_ptr<Stream> stream = make_stream(/*with_fit_rows=*/true);
  for (const EditBatch& batch : batches_) {
    check_interrupt();
    const at::Tensor ids = at::empty({batch.rows}, at::kLong);
    int64_t* to = ids.mutable_data_ptr<int64_t>();
    for (const int64_t index : batch.windows) {
      const Window& window = windows().windows[static_cast<size_t>(index)];
      to = std::copy_n(windows().ids.begin() + window.offset, window.length, to);
    }
    const at::Tensor x =
        forward_embedding(model_.config, weights, ids, batch.layout, loader_.device());
    LINSCAN_CHECK(std::isfinite(x.sum(at::kDouble).item<double>()),
                  kNumeric,
                  "{}: the embedded tokens are not finite",
                  model_.checkpoint.folder().string());
    stream->rows.store(batch.first_row, x);
  }
  loader_.release_model();
  return stream;
}

BlockOutput EditPass::forward(const PlacedBlock& block,
                              const at::Tensor& x,
                              const EditBatch& batch,
                              bool with_mlp_hidden) {
  DecoderConfig config = model_.config;
  config.per_block = {block.config};
  return forward_block(config, 0, *block.weights, x, batch.layout, positions_, with_mlp_hidden);
}

StreamPtr EditPass::push(const PlacedBlock& block, const Stream& stream, bool with_fit_rows) {
  if (!with_fit_rows && !measures()) {
    return std::make_shared<Stream>(0, model_.config.hidden, rows_);  // nobody will read it
  }
  std::shared_ptr<Stream> next = make_stream(with_fit_rows);
  for (const EditBatch& batch : batches_) {
    if (batch.first_row < next->first_row) {
      continue;
    }
    check_interrupt();
    const at::Tensor x = stream.load(batch, device());
    next->rows.store(batch.first_row - next->first_row, forward(block, x, batch).resid_post);
  }
  return next;
}

std::shared_ptr<RegressionInput> EditPass::input(
    const InputKey& key, const std::function<std::shared_ptr<RegressionInput>()>& make) {
  std::weak_ptr<RegressionInput>& held = inputs_[key];
  std::shared_ptr<RegressionInput> input = held.lock();
  if (!input) {
    input = make();
    held = input;
  }
  return input;
}

void EditPass::for_measured_batches(const std::function<void(const EditBatch&)>& body) const {
  for (const EditBatch& batch : batches_) {
    if (batch.measured) {
      check_interrupt();
      body(batch);
    }
  }
}

void EditPass::for_fit_batches(const std::function<void(const EditBatch&)>& body) const {
  for (const EditBatch& batch : batches_) {
    if (batch.fit) {
      check_interrupt();
      body(batch);
    }
  }
}

}  // namespace linscan
