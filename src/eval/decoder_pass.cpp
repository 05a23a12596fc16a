#include "eval/decoder_pass.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/base/log.h"
#include "linscan/base/system.h"

namespace linscan {
namespace {

constexpr int64_t kFp32 = 4;
constexpr int64_t kCpuBatchRows = 2048;
constexpr int64_t kCudaBatchRows = 16384;
// Logits of a chunk. On a CPU they stay in the caches and in memory that the allocator keeps (see
// keep_freed_memory); with a very large vocabulary the matmul needs some rows all the same.
constexpr int64_t kCpuLogitBytes = int64_t{15} << 20;
constexpr int64_t kCudaLogitBytes = int64_t{512} << 20;
constexpr int64_t kLeastLogitRows = 64;
constexpr int64_t kRoundRows = 32768;  // more rows hide the reading of the weights no better

// Elements of a block's matrices.
int64_t block_elements(const DecoderConfig& c, int64_t block) {
  const int64_t attention = c.hidden * (2 * c.query_size() + 2 * c.key_size());
  const int64_t matrices = c.mlp_kind == MlpKind::kGated ? 3 : 2;
  const int64_t mlp =
      c.per_block[static_cast<size_t>(block)].experts
          ? 3 * c.hidden * (c.experts.count * c.experts.size + c.experts.shared_size)
          : matrices * c.hidden * c.mlp;
  return attention + mlp;
}

// What one row of a batch takes while it is in a block: the stream and its parts, queries to
// scores or the widest MLP, and keys and values that are gathered for windows behind prefixes.
int64_t row_bytes(const DecoderConfig& c) {
  const int64_t attention =
      3 * (c.query_size() + 2 * c.key_size()) * kFp32 + attention_score_bytes(c);
  const int64_t widest = std::max({c.mlp, c.experts.size, c.experts.shared_size});
  const int64_t mlp = (c.mlp_kind == MlpKind::kGated ? 3 : 2) * widest * kFp32;
  return 10 * c.hidden * kFp32 + std::max(attention, mlp);
}

// Keys and values of all windows behind prefixes, as gathered and as repeated for every head.
int64_t gathered_bytes(const DecoderConfig& c, const RequestBatch& batch) {
  int64_t most = 0;
  const BatchLayout layout(batch.lengths, batch.prefixes);
  for (const BatchLayout::Run& run : layout.runs()) {
    if (run.prefix > 0) {
      most = std::max(most, run.windows * (run.prefix + run.length));
    }
  }
  return most * 2 * (c.key_size() + c.query_size()) * kFp32;
}

int64_t default_batch_rows(at::Device device) {
  return device.is_cuda() ? kCudaBatchRows : kCpuBatchRows;
}

}  // namespace

ScoredRows scored_rows(const RequestBatch& batch) {
  ScoredRows scored;
  for (size_t i = 0; i < batch.places.size(); ++i) {
    if (scored.rows.empty() || scored.rows.back() != batch.places[i].row) {
      scored.rows.push_back(batch.places[i].row);
      scored.first_place.push_back(static_cast<int64_t>(i));
    }
  }
  scored.first_place.push_back(static_cast<int64_t>(batch.places.size()));
  return scored;
}

DecoderPass::DecoderPass(const DecoderConfig& config,
                         const WeightLoader& loader,
                         int64_t memory_limit,
                         int64_t batch_rows)
    : config_(config),
      loader_(loader),
      positions_(config, loader.compute_dtype(), loader.device()),
      limit_(memory_limit),
      batch_rows_(batch_rows > 0 ? batch_rows : default_batch_rows(loader.device())) {}

int64_t DecoderPass::logit_rows() const {
  const int64_t bytes = loader_.device().is_cuda() ? kCudaLogitBytes : kCpuLogitBytes;
  return std::max(kLeastLogitRows, bytes / (config_.vocabulary * kFp32));
}

bool DecoderPass::plan(std::span<const RequestBatch> batches, int64_t passes) {
  int64_t batch = 0;
  int64_t longest = 0;
  for (const RequestBatch& one : batches) {
    const auto rows = static_cast<int64_t>(one.ids.size());
    batch = std::max(batch, rows * row_bytes(config_) + gathered_bytes(config_, one));
    longest = std::max(longest, rows);
  }
  const int64_t item = loader_.compute_dtype() == at::kFloat ? 4 : 2;
  int64_t all = 0;
  int64_t largest = 0;
  for (int64_t block = 0; block < config_.blocks(); ++block) {
    const int64_t bytes = block_elements(config_, block) * item;
    all += bytes;
    largest = std::max(largest, bytes);
  }
  const int64_t head =
      config_.vocabulary * config_.embedding * item + 3 * logit_rows() * config_.vocabulary * kFp32;
  const int64_t fixed = resident_memory_bytes() + batch + head;
  const int64_t row = config_.hidden * kFp32;
  // Blocks that are kept already are resident.
  const int64_t kept = kept_.empty() ? all : 0;
  keep_blocks_ = fixed + passes * (kept + largest + longest * row) <= limit_;
  if (!keep_blocks_) {
    kept_.clear();
  }
  // Blocks that are kept need no large rounds: the stream of one batch stays in the caches.
  const int64_t free = (limit_ - fixed) / passes - 3 * largest;
  round_rows_ = keep_blocks_ ? longest : std::min(kRoundRows, std::max<int64_t>(0, free / row));
  needed_ = fixed + passes * (3 * largest + longest * row);
  log::debug("blocks {}; batches of up to {} tokens, rounds of {}",
             keep_blocks_ ? "stay in memory" : "are read once a round",
             longest,
             round_rows_);
  return round_rows_ >= longest;
}

std::string DecoderPass::needs() const {
  return fmt::format("--memory-limit {} is too small: at least {} are needed",
                     format_bytes(limit_),
                     format_bytes(needed_));
}

void DecoderPass::prefetch(int64_t block) {
  if (!keep_blocks_ && block < config_.blocks()) {
    next_ = std::async(std::launch::async, [this, block] { loader_.prefetch(block); });
  }
}

const BlockWeights& DecoderPass::weights(int64_t block) {
  const auto index = static_cast<size_t>(block);
  if (keep_blocks_ && index < kept_.size()) {
    return kept_[index];
  }
  if (next_.valid()) {
    next_.get();
  }
  prefetch(block + 1);
  if (block >= checked_) {
    const std::string reason = loader_.find_non_finite(block);
    LINSCAN_CHECK(reason.empty(), kNumeric, "{} (block {})", reason, block);
    checked_ = block + 1;
  }
  passing_ = {};
  BlockWeights loaded = loader_.block(block);
  if (!keep_blocks_) {
    passing_ = std::move(loaded);
    return passing_;
  }
  kept_.push_back(std::move(loaded));
  return kept_.back();
}

std::vector<at::Tensor> DecoderPass::embed(std::span<const RequestBatch> round) {
  if (!head_.head.weight.defined()) {
    const std::string reason = loader_.find_non_finite(std::nullopt);
    LINSCAN_CHECK(reason.empty(), kNumeric, "{}", reason);
    final_norm_ = loader_.final_norm();
    head_ = loader_.head();
    embedding_ = loader_.embedding();
  }
  std::vector<at::Tensor> stream;
  for (const RequestBatch& batch : round) {
    const at::Tensor ids = at::tensor(batch.ids, at::kInt).to(at::kLong);
    stream.push_back(forward_embedding(
        config_, embedding_, ids, BatchLayout(batch.lengths, batch.prefixes), loader_.device()));
  }
  return stream;
}

std::vector<at::Tensor> DecoderPass::run(std::span<const RequestBatch> round,
                                         const std::function<void()>& progress) {
  std::vector<at::Tensor> stream = embed(round);
  std::vector<BatchLayout> layouts;
  for (const RequestBatch& batch : round) {
    layouts.push_back(BatchLayout(batch.lengths, batch.prefixes).to(loader_.device()));
  }
  for (int64_t block = 0; block < config_.blocks(); ++block) {
    const BlockWeights& own = weights(block);
    for (size_t i = 0; i < round.size(); ++i) {
      check_interrupt();
      stream[i] = forward_block(config_, block, own, stream[i], layouts[i], positions_).resid_post;
    }
    if (!keep_blocks_) {
      passing_ = {};
      loader_.release(block);
      release_freed_memory();
    }
    progress();
  }
  for (size_t i = 0; i < round.size(); ++i) {
    const at::Tensor rows = at::tensor(scored_rows(round[i]).rows, at::kLong).to(loader_.device());
    stream[i] = forward_final_norm(config_, final_norm_, stream[i].index_select(0, rows));
  }
  return stream;
}

at::Tensor DecoderPass::logits(const at::Tensor& states) const {
  return forward_head(config_, head_, states);
}

}  // namespace linscan
