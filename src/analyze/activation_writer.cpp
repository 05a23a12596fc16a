#include "linscan/analyze/activation_writer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>

namespace linscan {
namespace {

std::vector<TensorEntry> entries(const DecoderConfig& config, int64_t tokens) {
  std::vector<TensorEntry> entries = {{"resid_pre.0", DType::kF32, {tokens, config.hidden}}};
  for (int64_t block = 0; block < config.blocks(); ++block) {
    entries.push_back(
        {"resid_post." + std::to_string(block), DType::kF32, {tokens, config.hidden}});
  }
  entries.push_back({"final_norm", DType::kF32, {tokens, config.hidden}});
  entries.push_back({"logits", DType::kF32, {tokens, config.vocabulary}});
  return entries;
}

}  // namespace

ActivationWriter::ActivationWriter(const std::filesystem::path& path,
                                   const DecoderConfig& config,
                                   const TokenWindows& windows,
                                   const Schedule& schedule)
    : windows_(windows),
      schedule_(schedule),
      writer_(path, entries(config, static_cast<int64_t>(windows.ids.size()))) {}

void ActivationWriter::observe(const BlockBatch& batch) {
  if (batch.block == 0) {
    write("resid_pre.0", batch, batch.resid_pre);
  }
  write("resid_post." + std::to_string(batch.block), batch, batch.resid_post);
  if (batch.final_norm.defined()) {
    write("final_norm", batch, batch.final_norm);
    write("logits", batch, batch.logits);
  }
}

void ActivationWriter::write(const std::string& name,
                             const BlockBatch& batch,
                             const at::Tensor& rows) {
  const at::Tensor host = rows.cpu().contiguous();
  const float* from = host.const_data_ptr<float>();
  const int64_t width = host.size(1);
  const int64_t row_bytes = width * static_cast<int64_t>(sizeof(float));
  const auto scheduled =
      std::find_if(schedule_.batches.begin(), schedule_.batches.end(), [&](const auto& candidate) {
        return candidate.first_row == batch.first_row;
      });
  for (const int64_t index : scheduled->windows) {
    const Window& window = windows_.windows[static_cast<size_t>(index)];
    writer_.write(name, window.offset * row_bytes, from, window.length * row_bytes);
    from += window.length * width;
  }
}

}  // namespace linscan
