#include "linscan/edit/variants.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <future>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "edit/measuring.h"
#include "edit/pass_memory.h"
#include "edit/states.h"
#include "linscan/base/error.h"
#include "linscan/base/interrupt.h"
#include "linscan/base/progress.h"
#include "linscan/base/system.h"

namespace linscan {
namespace {

// What tells two plans apart at a block: the state they come from and the step they take.
using GroupKey = std::pair<const EditState*, std::string>;

class PlanRunner {
 public:
  PlanRunner(EditPass& pass, std::span<const EditPlan> plans, std::string label)
      : pass_(pass), plans_(plans), label_(std::move(label)) {}

  VariantRun run();

 private:
  struct Group {
    const EditPlan* plan;
    EditStep step;
    StatePtr from;
    bool with_fit_rows = false;
    StatePtr to;
  };

  void run_block(int64_t block);
  PlacedBlock load(int64_t block);
  VariantRun finish();

  EditPass& pass_;
  std::span<const EditPlan> plans_;
  std::string label_;
  StatePtr dense_;                // of the unedited model
  std::vector<StatePtr> states_;  // of each plan
};

PlacedBlock PlanRunner::load(int64_t block) {
  const WeightLoader& loader = pass_.loader();
  if (const std::string reason = loader.find_non_finite(block); !reason.empty()) {
    fail(ErrorKind::kNumeric, "{}: {}", pass_.model().checkpoint.folder().string(), reason);
  }
  return {pass_.model().config.per_block[static_cast<size_t>(block)],
          std::make_shared<const BlockWeights>(loader.block(block))};
}

VariantRun PlanRunner::run() {
  const int64_t blocks = pass_.model().config.blocks();
  Progress progress(label_, "blocks", blocks);
  auto start = std::make_shared<EditState>();
  start->stream = pass_.embed();
  dense_ = start;
  states_.assign(plans_.size(), dense_);
  for (int64_t block = 0; block < blocks; ++block) {
    std::future<void> ahead;
    if (block + 1 < blocks) {
      ahead = std::async(std::launch::async, [this, block] { pass_.loader().prefetch(block + 1); });
    }
    run_block(block);
    pass_.loader().release(block);
    release_freed_memory();
    progress.update(block + 1);
  }
  progress.finish();
  return finish();
}

void PlanRunner::run_block(int64_t block) {
  RunningBlock running{block, load(block), dense_->stream, nullptr};
  std::map<GroupKey, Group> groups;
  static const EditPlan kUnedited;
  const GroupKey dense_key{dense_.get(), step_key(kUnedited, {})};
  groups[dense_key] = {&kUnedited, {}, dense_, false, nullptr};
  std::vector<GroupKey> key_of_plan;
  bool anything_fits = false;
  for (size_t i = 0; i < plans_.size(); ++i) {
    const EditPlan& plan = plans_[i];
    const EditStep step = step_at(pass_.model().config, plan, block);
    key_of_plan.emplace_back(states_[i].get(), step_key(plan, step));
    Group& group = groups[key_of_plan.back()];
    group.plan = &plan;
    group.step = step;
    group.from = states_[i];
    const bool fits = fits_from(plan, block + 1);
    group.with_fit_rows = group.with_fit_rows || fits;
    anything_fits = anything_fits || fits_from(plan, block);
  }
  states_.clear();  // streams go as soon as the last step from them is taken
  Group& dense = groups[dense_key];
  dense.with_fit_rows = anything_fits;
  const auto take = [&](Group& group) {
    group.to = take_step(pass_, *group.plan, group.step, *group.from, running, group.with_fit_rows);
    group.from = nullptr;
  };
  take(dense);
  dense_ = dense.to;
  running.dense_after = dense_->stream;
  for (auto& [key, group] : groups) {
    if (!group.to) {
      take(group);
    }
  }
  for (const GroupKey& key : key_of_plan) {
    states_.push_back(groups.at(key).to);
  }
}

VariantRun PlanRunner::finish() {
  std::vector<const Stream*> distinct;
  std::map<const EditState*, size_t> place;  // into the measures; 0 is the unedited model
  for (const StatePtr& state : states_) {
    if (place.emplace(state.get(), distinct.size() + 1).second) {
      distinct.push_back(state->stream.get());
    }
  }
  std::vector<Measure> measures(distinct.size() + 1);
  if (pass_.measures()) {
    measures = measure_streams(pass_, *dense_->stream, distinct);
  }
  VariantRun run{measures.front(), {}};
  for (const StatePtr& state : states_) {
    DecoderConfig config = pass_.model().config;
    config.per_block = state->per_block;
    run.variants.push_back({EditedModel{&pass_.model(), config, state->blocks, state->weights},
                            measures[place.at(state.get())],
                            state->fits});
  }
  return run;
}

}  // namespace

int64_t EditData::fit_tokens() const {
  int64_t count = 0;
  for (size_t w = 0; w < roles.size(); ++w) {
    count += roles[w] == Role::kFit || roles[w] == Role::kBoth ? windows->windows[w].length : 0;
  }
  return count;
}

int64_t EditData::measured_tokens() const {
  int64_t count = 0;
  for (size_t w = 0; w < roles.size(); ++w) {
    count += roles[w] == Role::kMeasure || roles[w] == Role::kBoth ? windows->windows[w].length : 0;
  }
  return count;
}

VariantRun run_variants(const Model& model,
                        const EditData& data,
                        std::span<const EditPlan> plans,
                        const VariantOptions& options) {
  const c10::InferenceMode inference;
  for (const EditPlan& plan : plans) {
    validate_plan(model.config, plan);
  }
  const PassDivision division =
      PassMemory(model, data, plans, options).divide(options.memory_limit);
  VariantRun result;
  size_t done = 0;
  do {  // without plans too: the unedited model is measured
    const auto part = plans.subspan(done, std::min(division.at_once, plans.size() - done));
    EditPass pass(model, data, options, division.spill);
    VariantRun run = PlanRunner(pass, part, options.progress).run();
    result.unedited = run.unedited;
    std::ranges::move(run.variants, std::back_inserter(result.variants));
    done += part.size();
  } while (done < plans.size());
  return result;
}

Json plan_variants(const Model& model,
                   const EditData& data,
                   std::span<const EditPlan> plans,
                   const VariantOptions& options) {
  const PassMemory memory(model, data, plans, options);
  const PassDivision division = memory.divide(options.memory_limit);
  int64_t most = 0;
  int64_t passes = 0;
  size_t done = 0;
  do {
    const size_t count = std::min(division.at_once, plans.size() - done);
    most = std::max(most, memory.bytes(done, count, division.spill));
    done += count;
    ++passes;
  } while (done < plans.size());
  return {{"plans", plans.size()},
          {"passes", passes},
          {"stream_in", division.spill ? "file" : "memory"},
          {"memory_bytes", {{"total", most}, {"limit", options.memory_limit}}}};
}

}  // namespace linscan
