// What is to be done to which blocks: the plan that `linscan prune` and `linscan linearize` make,
// save, read and apply.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/model/config.h"
#include "linscan/stats/regression.h"

namespace linscan {

enum class Method {
  kRemove,  // the blocks go, the stream passes as it is
  kFold,    // they go, and a map of the last kept block's MLP output is merged into its down
            // projection (ReplaceMe, arXiv 2505.02819)
  kRefit,   // they go, and that down projection is solved anew from its own input
  kLinear,  // one linear block stands in their place
  kLinearAttention,  // in each of them a linear map stands in place of attention
  kNoAttention,      // in each of them attention goes
};

// Blocks [begin, end) of the source, counted from 0.
struct Operation {
  Method method = Method::kRemove;
  int64_t begin = 0;
  int64_t end = 0;

  auto operator<=>(const Operation&) const = default;
};

// What maps are fitted to.
enum class Target {
  kDense,  // the states of the unedited model after the blocks
  kOwn,    // what the blocks themselves make of the stream as it arrives after earlier edits
};

struct EditPlan {
  std::vector<Operation> operations;  // ascending, disjoint
  MapChoice map;                      // of fold and linear; refit uses its ridge only
  Target target = Target::kDense;
  // After fold or refit, the down projection of every later block is solved anew too, on the edited
  // stream and towards the dense states.
  bool sweep = false;
  // Linear blocks read the normed stream and have no bias: the form that Nemotron-NAS has.
  bool normed_maps = false;
};

Method parse_method(std::string_view text, std::string_view option);
Target parse_target(std::string_view text, std::string_view option);
std::string_view name(Method method);
std::string_view name(Target target);
bool fits_maps(Method method);                 // all but the two that only take away
bool replaces_down_projection(Method method);  // fold and refit
bool keeps_blocks(Method method);              // the attention-only ones
bool takes_map_choice(Method method);          // whose maps `EditPlan::map` restricts

// The operations of one method on a set of blocks: neighbours become one range (of the
// attention-only methods, which act block by block, ranges too).
std::vector<Operation> operations_on(const std::vector<int64_t>& blocks, Method method);

// "3,7:9" -> {3, 7, 8}, sorted. Numbers from 0, ranges half open. Throws Error(kUsage) naming
// `option` for anything else, Error(kInput) for blocks beyond `blocks` or named twice.
std::vector<int64_t> parse_blocks(std::string_view text, int64_t blocks, std::string_view option);
// {3, 7, 8} -> "3,7:9".
std::string format_blocks(const std::vector<int64_t>& blocks);

// Why an operation cannot be done to this model, in one line; empty where it can. Other operations
// of the plan are not looked at.
std::string why_illegal(const DecoderConfig& config, const Operation& operation);

// Checks ranges, overlaps, seams, normed maps and the legality of all operations. Throws
// Error(kInput), or Error(kUnsupported) where the family does not allow it.
void validate_plan(const DecoderConfig& config, const EditPlan& plan);

// Numbers of a row of unknowns that a plan's fits solve for, at most: C for linear and fold, F for
// refit and sweep; 0 where nothing is fitted.
int64_t unknown_columns(const DecoderConfig& config, const EditPlan& plan);

// "operations", "map", "ridge", "target", "sweep", "normed_maps"; reading checks types and names,
// not the model. `where` names the file in errors.
Json to_json(const EditPlan& plan);
EditPlan read_edit_plan(const Json& json, std::string_view where);

}  // namespace linscan
