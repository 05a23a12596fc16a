// --dump-activations: all states of a small run as one safetensors file.
#pragma once

#include <filesystem>

#include "linscan/analyze/schedule.h"
#include "linscan/analyze/sink.h"
#include "linscan/io/safetensors.h"
#include "linscan/model/config.h"
#include "linscan/text/windows.h"

namespace linscan {

// Writes resid_pre.0, resid_post.0 .. resid_post.{L-1} and final_norm, each (tokens, C), and logits
// (tokens, V): fp32, rows in the order of the token ids. The file appears when commit() is called.
class ActivationWriter final : public Sink {
 public:
  ActivationWriter(const std::filesystem::path& path,
                   const DecoderConfig& config,
                   const TokenWindows& windows,
                   const Schedule& schedule);

  bool wants_logits() const override { return true; }
  void observe(const BlockBatch& batch) override;
  void finish_block(int64_t) override {}
  void commit() { writer_.commit(); }

 private:
  void write(const std::string& name, const BlockBatch& batch, const at::Tensor& rows);

  const TokenWindows& windows_;
  const Schedule& schedule_;
  SafetensorsWriter writer_;
};

}  // namespace linscan
