#include "linscan/analyze/plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "linscan/base/error.h"
#include "linscan/base/system.h"
#include "linscan/model/block.h"

namespace linscan {
namespace {

constexpr int64_t kFp32 = 4;
constexpr int64_t kFp64 = 8;
constexpr int64_t kLibraryBuffers =
    int64_t{48} * 1024 * 1024;        // kept by MKL and oneDNN once they run
constexpr int64_t kBatchRows = 2048;  // large enough that matmuls run at full rate
constexpr int64_t kLeastBatchRows = 128;

// The running block in the compute dtype, the next one as stored, and the copy that one of their
// matrices takes while it is brought into the layout it is used in.
int64_t weight_bytes(const Model& model, at::ScalarType compute_dtype) {
  const int64_t item = compute_dtype == at::kFloat ? 4 : 2;
  int64_t most = 0;
  int64_t largest = 0;
  for (int64_t block = 0; block < model.config.blocks(); ++block) {
    int64_t elements = 0;
    for (const TensorView* tensor : model.weights.block_tensors(block)) {
      elements += tensor->elements();
      largest = std::max(largest, tensor->elements());
    }
    most = std::max(most, elements);
  }
  return (most + largest) * item + model.weights.largest_block_bytes();
}

int64_t matrix_bytes(const Model& model) {
  return model.config.hidden * model.config.hidden * kFp64;
}

// States of one block whose moments are not those of the block itself, and pairs of states beyond
// block and final norm.
struct SublayerMatrices {
  int64_t states = 0;
  int64_t pairs = 0;
};

SublayerMatrices sublayer_matrices(const Model& model, const PlanRequest& request) {
  if (!request.sublayers) {
    return {};
  }
  // Serial: the stream between the two, which one ends in and the other reads. Parallel: the stream
  // with either output.
  return {.states = model.config.residual == ResidualKind::kSerial ? 1 : 2, .pairs = 2};
}

// Moments of one block (x, y and x with the update for every fold) and the rows that are kept.
int64_t statistics_bytes(const Model& model,
                         const FoldPlan& folds,
                         const PlanRequest& request,
                         int64_t windows) {
  const int64_t row = model.config.hidden * kFp32;
  int64_t bytes = request.sampled_rows * row;
  if (request.pair_statistics) {
    constexpr int64_t kLastBlockExtra = 2;  // the final-norm state and what it shares with x
    const int64_t with_first = request.first_tokens ? 3 : 0;  // a second set
    const SublayerMatrices more = sublayer_matrices(model, request);
    bytes += (3 + kLastBlockExtra + more.states + more.pairs + with_first) * folds.folds *
             matrix_bytes(model);
  }
  if (request.first_tokens) {
    // Of input, output and final-norm state; of those between sublayers perhaps in fp64.
    bytes += (3 + 2 * sublayer_matrices(model, request).states) * windows * row;
  }
  return bytes;
}

// One or two sets of summed, centred and whitened moments, and what `workers` solves at once take.
// The pairs of the sublayers are solved after the block's own.
int64_t solving_bytes(const Model& model, const PlanRequest& request, int workers) {
  if (!request.pair_statistics) {
    return 0;
  }
  const int64_t sets = request.first_tokens ? 2 : 1;
  return (9 * sets + int64_t{6} * workers) * matrix_bytes(model);
}

int64_t batch_bytes(const Model& model, const PlanRequest& request, int64_t rows) {
  const DecoderConfig& c = model.config;
  const int64_t stream =
      10 * c.hidden * kFp32 + (request.pair_statistics ? 4 * c.hidden * kFp64 : 0);
  const int64_t attention =
      3 * (c.query_size() + 2 * c.key_size()) * kFp32 + attention_score_bytes(c);
  // Experts run one after the other; all rows may go to one of them.
  const int64_t widest_mlp = std::max({c.mlp, c.experts.size, c.experts.shared_size});
  const int64_t mlp = (c.mlp_kind == MlpKind::kGated ? 3 : 2) * widest_mlp * kFp32;
  const int64_t head = request.logits ? 2 * c.vocabulary * kFp32 : 0;
  return rows * (stream + std::max({attention, mlp, head}));
}

}  // namespace

MemoryPlan plan_memory(const Model& model,
                       const TokenWindows& windows,
                       const FoldPlan& folds,
                       const PlanRequest& request) {
  MemoryPlan plan;
  plan.tokens = static_cast<int64_t>(windows.ids.size());
  plan.limit = request.memory_limit;
  plan.runtime = resident_memory_bytes() + kLibraryBuffers;
  plan.weights = weight_bytes(model, request.compute_dtype);
  plan.stream = plan.tokens * model.config.hidden * kFp32;
  plan.statistics =
      statistics_bytes(model, folds, request, static_cast<int64_t>(windows.windows.size()));
  plan.reads = model.checkpoint.total_bytes();
  int64_t longest = 0;
  for (const Window& window : windows.windows) {
    longest = std::max<int64_t>(longest, window.length);
  }
  plan.next = model.weights.largest_block_bytes();
  // Full batches with the stream in memory; then fewer scores at once; then the stream in a file;
  // then smaller batches.
  for (int64_t rows = kBatchRows; rows >= kLeastBatchRows; rows /= 2) {
    plan.batch_rows = std::max(rows, longest);
    plan.batch = batch_bytes(model, request, std::min(plan.batch_rows, plan.tokens));
    for (const bool spill : {false, true}) {
      plan.spill = spill;
      for (int workers = request.workers; workers >= 1; --workers) {
        plan.workers = workers;
        plan.solving = solving_bytes(model, request, workers);
        if (plan.total() <= plan.limit) {
          return plan;
        }
      }
    }
    if (rows <= longest) {
      break;
    }
  }
  fail_input(
      "--memory-limit {} is too small for {}: at least {} are needed ({} weights, {} statistics, "
      "{} solving them, {} batch, {} program); "
      "fewer --folds or a shorter --ctx need less",
      format_bytes(plan.limit),
      model.checkpoint.folder().string(),
      format_bytes(plan.total()),
      format_bytes(plan.weights),
      format_bytes(plan.statistics),
      format_bytes(plan.solving),
      format_bytes(plan.batch),
      format_bytes(plan.runtime));
}

Json MemoryPlan::to_json() const {
  return {{"tokens", tokens},
          {"batch_rows", batch_rows},
          {"stream_in", spill ? "file" : "memory"},
          {"scores_at_once", workers},
          {"memory_bytes",
           {{"total", total()},
            {"runtime", runtime},
            {"weights", weights},
            {"stream", stream},
            {"statistics", statistics},
            {"next_block", next},
            {"solving", solving},
            {"batch", batch},
            {"limit", limit}}},
          {"weight_bytes_read", reads}};
}

}  // namespace linscan
