#include "linscan/eval/verification.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>

#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/model/block.h"
#include "linscan/model/model.h"

namespace linscan {
namespace {

constexpr int64_t kMostTokens = 512;
constexpr double kLargestDifference = 2e-4;  // share of the largest logit, or absolute below one

// Logits (N, V) of the windows, block by block.
at::Tensor logits_of(const WeightLoader& loader, const at::Tensor& ids, const BatchLayout& layout) {
  const DecoderConfig& config = loader.config();
  PositionCache positions(config, loader.compute_dtype(), loader.device());
  at::Tensor x = forward_embedding(config, loader.embedding(), ids, layout, loader.device());
  for (int64_t block = 0; block < config.blocks(); ++block) {
    check_interrupt();
    x = forward_block(config, block, loader.block(block), x, layout, positions).resid_post;
    loader.release(block);
  }
  return forward_head(config, loader.head(), forward_final_norm(config, loader.final_norm(), x));
}

}  // namespace

Verification verify_written(const EditedModel& model,
                            const std::filesystem::path& folder,
                            const TokenWindows& windows,
                            at::ScalarType compute_dtype,
                            at::Device device) {
  const c10::InferenceMode inference;
  std::vector<int64_t> lengths;
  std::vector<int64_t> ids;
  for (const Window& window : windows.windows) {
    const int64_t left = kMostTokens - static_cast<int64_t>(ids.size());
    if (left == 0) {
      break;
    }
    const int64_t length = std::min<int64_t>(window.length, left);
    const auto from = windows.ids.begin() + window.offset;
    ids.insert(ids.end(), from, from + length);
    lengths.push_back(length);
  }
  const at::Tensor tokens = at::tensor(ids, at::kLong);
  const BatchLayout layout(lengths);
  const Model reopened = open_model(folder);
  const at::Tensor expected = logits_of(WeightLoader(model, compute_dtype, device), tokens, layout);
  const at::Tensor got = logits_of(
      WeightLoader(reopened.weights, reopened.config, compute_dtype, device), tokens, layout);
  Verification verification;
  verification.tokens = tokens.size(0);
  verification.largest_logit_difference = (got - expected).abs().max().item<double>();
  const double allowed = kLargestDifference * std::max(1.0, expected.abs().max().item<double>());
  LINSCAN_CHECK(verification.largest_logit_difference <= allowed,
                kInternal,
                "{}: read again, the written model's logits differ from those in memory by {:.3g} "
                "(allowed {:.3g}): do not use it",
                folder.string(),
                verification.largest_logit_difference,
                allowed);
  return verification;
}

}  // namespace linscan
