// How far a plan has come: what is left of the model so far, and the stream that stands before the
// next block. Plans that did the same so far share one state.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "edit/fits.h"
#include "edit/pass.h"

namespace linscan {

struct EditState {
  StreamPtr stream;  // undefined while a span is open that a fit will close
  std::vector<int64_t> blocks;
  std::vector<BlockConfig> per_block;
  std::map<WeightKey, at::Tensor> weights;
  std::vector<FitRecord> fits;
  bool projection_solved = false;  // fold or refit was done: a sweep goes on from here

  // Blocks that a fit will stand for once the last of them has run.
  struct Span {
    StreamPtr entry;  // before `carrier`
    int64_t carrier;  // the block whose projection is solved, or whose place a linear block takes
    PlacedBlock block;
    // What the map reads, shared by all spans from this entry: the first that ends fills it.
    std::shared_ptr<RegressionInput> input;
    StreamPtr own;  // entry, pushed through the carrier and the span; undefined for target kDense
  };
  std::optional<Span> span;

  // The block at the end of what is left.
  void append(int64_t block, const BlockConfig& config) {
    blocks.push_back(block);
    per_block.push_back(config);
  }
  void append(int64_t block, const FittedBlock& fitted) {
    append(block, fitted.block.config);
    for (const auto& [slot, weight] : fitted.weights) {
      weights[{block, slot, 0}] = weight;
    }
    fits.push_back(fitted.record);
  }
};
using StatePtr = std::shared_ptr<const EditState>;

// What a plan does at one block.
struct EditStep {
  enum class Kind { kBlock, kSweptBlock, kSeam, kSkip, kAttention } kind = Kind::kBlock;
  Operation operation;  // of kSeam, kSkip, kAttention
};

EditStep step_at(const DecoderConfig& config, const EditPlan& plan, int64_t block);

// What tells two plans apart that take a step from one state.
std::string step_key(const EditPlan& plan, const EditStep& step);

// Whether the plan fits anything at this block or later.
bool fits_from(const EditPlan& plan, int64_t block);

// The block that runs, as the unedited model has it, with its streams before and after.
struct RunningBlock {
  int64_t block;
  PlacedBlock placed;
  StreamPtr dense_before;
  StreamPtr dense_after;  // undefined while the unedited model itself takes the step
};

// The state after the step. with_fit_rows: somebody will fit on its stream.
StatePtr take_step(EditPass& pass,
                   const EditPlan& plan,
                   const EditStep& step,
                   const EditState& state,
                   const RunningBlock& running,
                   bool with_fit_rows);

}  // namespace linscan
