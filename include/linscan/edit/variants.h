// Many edit plans, fitted and measured in one pass over the weights: layer-major, like the
// analysis.
//
// All plans start from one residual stream, and share it until they differ. At every block each
// distinct stream goes through the block, is held where a span is being skipped, or takes a map
// fitted in closed form when the span ends: on the stream as it arrives after the plan's earlier
// edits, towards the states of the unedited model that runs along. After the last block the head
// compares all of them with the unedited model.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/edit/plan.h"
#include "linscan/edit/token_errors.h"
#include "linscan/model/model.h"
#include "linscan/model/weights.h"
#include "linscan/text/windows.h"

namespace linscan {

// What a window is for.
enum class Role : uint8_t {
  kFit,      // maps are fitted to its tokens
  kMeasure,  // the edited models are compared on it
  kBoth,
  kUnused,
};

struct EditData {
  const TokenWindows* windows;  // must outlive this
  std::vector<Role> roles;      // one for each window

  int64_t fit_tokens() const;
  int64_t measured_tokens() const;
};

// Against the unedited model, over the predicting positions (all but the last of a window) of the
// measured windows. Cross-entropy and KL in nats per token, natural logarithms.
struct Measure {
  int64_t tokens = 0;
  double cross_entropy = 0;
  double kl = 0;    // mean KL(unedited || edited)
  double top1 = 0;  // share of positions with the same most likely token
  // Standard errors of the means over windows; 0 with one window.
  double cross_entropy_error = 0;
  double kl_error = 0;
  double top1_error = 0;

  double perplexity() const;
};

// A fit on the measured windows.
struct HeldOutFit {
  // As FitRecord::unexplained, about the mean of the fitted windows; nothing where nothing is
  // missing.
  std::optional<double> unexplained;
  TokenErrors errors;
};

// One closed-form fit of a plan.
struct FitRecord {
  Method method;
  int64_t begin, end;  // blocks that it stands for; begin = end for a swept projection
  int64_t block;       // the source's block that carries the result
  int64_t tokens, unknowns;
  int64_t rank;        // directions that were used
  double unexplained;  // share of what was missing to the target that is left, in sample
  std::optional<HeldOutFit> held_out;  // of a span, where VariantOptions ask for it
};

struct Variant {
  EditedModel model;
  Measure measure;  // tokens = 0 where nothing is measured
  std::vector<FitRecord> fits;
};

struct VariantOptions {
  at::ScalarType compute_dtype = at::kFloat;
  at::Device device = at::kCPU;
  int64_t memory_limit = 0;  // bytes for streams, weights and moments
  // Fitted weights stay in the variants' models. Without them only measures and fits are of use.
  bool keep_weights = true;
  // Without predictions nothing goes on behind a plan's last fit, and the head is not run.
  bool predictions = true;
  bool held_out = false;  // FitRecord::held_out is wanted
  std::string progress = "edit";
};

struct VariantRun {
  Measure unedited;
  std::vector<Variant> variants;  // one for each plan, in order
};

// `plans` are valid for the model (validate_plan). Where not all streams fit into memory at once,
// the plans are run in several passes, or the streams are kept in a file. Throws Error(kInput) for
// fewer fitted tokens than unknowns without ridge, Error(kNumeric) where states are not finite.
VariantRun run_variants(const Model& model,
                        const EditData& data,
                        std::span<const EditPlan> plans,
                        const VariantOptions& options);

// How run_variants would run them, without running: {"plans", "passes", "stream_in" ("memory" or
// "file"), "memory_bytes": {"total", "limit"}}.
Json plan_variants(const Model& model,
                   const EditData& data,
                   std::span<const EditPlan> plans,
                   const VariantOptions& options);

}  // namespace linscan
