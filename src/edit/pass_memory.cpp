#include "edit/pass_memory.h"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include "edit/pass.h"
#include "edit/states.h"
#include "linscan/base/system.h"
#include "linscan/stats/regression.h"

namespace linscan {
namespace {

int64_t rows_of(const EditData& data, bool fitted) {
  int64_t rows = 0;
  for (size_t w = 0; w < data.roles.size(); ++w) {
    const bool counts = fitted ? data.roles[w] != Role::kUnused
                               : data.roles[w] == Role::kMeasure || data.roles[w] == Role::kBoth;
    rows += counts ? data.windows->windows[w].length : 0;
  }
  return rows;
}

}  // namespace

PassMemory::PassMemory(const Model& model,
                       const EditData& data,
                       std::span<const EditPlan> plans,
                       const VariantOptions& options)
    : model_(model),
      all_rows_(rows_of(data, true)),
      measured_rows_(options.predictions ? rows_of(data, false) : 0),
      resident_(resident_memory_bytes()) {
  number("");
  for (const EditPlan& plan : plans) {
    columns_ = std::max(columns_, unknown_columns(model.config, plan));
    traces_.push_back(trace(plan, options.keep_weights));
  }
}

int64_t PassMemory::number(const std::string& done) {
  return numbers_.emplace(done, static_cast<int64_t>(numbers_.size())).first->second;
}

// Follows the steps of one plan as PlanRunner takes them.
PassMemory::Trace PassMemory::trace(const EditPlan& plan, bool keep_weights) {
  const DecoderConfig& config = model_.config;
  Trace trace;
  std::string done;
  const auto do_step = [&](const EditStep& step, int64_t columns) {
    done += step_key(plan, step) + ";";
    if (!numbers_.contains(done) && columns > 0 && keep_weights) {
      weights_ += columns * config.hidden * item_size(model_.weights.dtype());
    }
  };
  Held stream{0, 0, false, fits_from(plan, 0)};
  std::optional<EditStep> skipped;  // blocks were taken away, none has followed yet
  std::optional<Span> open;
  trace.held.push_back({stream});
  for (int64_t block = 0; block < config.blocks(); ++block) {
    const EditStep step = step_at(config, plan, block);
    const Operation& operation = step.operation;
    const bool skips = step.kind == EditStep::Kind::kSkip;
    if (!skips && skipped) {
      do_step(*skipped, 0);
      skipped.reset();
    }
    if (step.kind == EditStep::Kind::kSeam ||
        (skips && operation.method == Method::kLinear && block == operation.begin)) {
      const int64_t columns =
          operation.method == Method::kRefit ? config.mlp_size(block) : config.hidden;
      open = {number(done), block, operation.method, operation.end, columns};
      trace.spans.push_back(*open);
    }
    std::vector<Held> held;
    if (open && block + 1 < open->end) {
      held.push_back({open->origin, open->carrier, false, true});
      if (plan.target == Target::kOwn) {
        held.push_back({open->origin, open->carrier, true, true});
      }
    } else if (skips && operation.method == Method::kRemove) {
      skipped = step;
      held.push_back({stream.origin, stream.block, false, fits_from(plan, block + 1)});
    } else {
      if (open) {
        do_step(step,
                replaces_down_projection(open->method) ? config.mlp_size(open->carrier)
                                                       : config.hidden);
        open.reset();
      } else if (step.kind != EditStep::Kind::kBlock) {
        do_step(step,
                step.kind == EditStep::Kind::kSweptBlock ? config.mlp_size(block) : config.hidden);
      }
      stream = {number(done), block + 1, false, fits_from(plan, block + 1)};
      held.push_back(stream);
    }
    trace.held.push_back(std::move(held));
  }
  return trace;
}

// The streams on both sides of a block, the unedited one among them.
int64_t PassMemory::stream_bytes(size_t first, size_t count) const {
  int64_t most = 0;
  for (size_t block = 0; block < static_cast<size_t>(model_.config.blocks()); ++block) {
    std::map<std::tuple<int64_t, int64_t, bool>, bool> rows;  // whether fitted ones are held
    const auto add = [&](const Held& held) {
      bool& fit_rows = rows[{held.origin, held.block, held.own}];
      fit_rows = fit_rows || held.fit_rows;
    };
    bool fits = false;
    for (size_t i = first; i < first + count; ++i) {
      for (const size_t side : {block, block + 1}) {
        std::ranges::for_each(traces_[i].held[side], add);
        fits = fits || std::ranges::any_of(traces_[i].held[side], &Held::fit_rows);
      }
    }
    add({0, static_cast<int64_t>(block), false, fits});
    add({0, static_cast<int64_t>(block) + 1, false, fits});
    int64_t bytes = 0;
    for (const auto& [stream, fit_rows] : rows) {
      bytes += EditPass::stream_bytes(model_, fit_rows ? all_rows_ : measured_rows_);
    }
    most = std::max(most, bytes);
  }
  return most;
}

// Inputs that several spans share stay from the end of the first to that of the last; a carrier
// stays while a span from it is open.
int64_t PassMemory::span_bytes(size_t first, size_t count) const {
  struct Ends {
    int64_t first, last, columns;
  };
  std::map<std::tuple<int64_t, int64_t, Method>, Ends> inputs;
  for (size_t i = first; i < first + count; ++i) {
    for (const Span& span : traces_[i].spans) {
      Ends& ends = inputs
                       .try_emplace({span.origin, span.carrier, span.method},
                                    Ends{span.end, span.end, span.columns})
                       .first->second;
      ends.first = std::min(ends.first, span.end);
      ends.last = std::max(ends.last, span.end);
    }
  }
  int64_t most = 0;
  for (int64_t block = 0; block < model_.config.blocks(); ++block) {
    int64_t bytes = 0;
    std::set<int64_t> carriers;
    for (const auto& [key, ends] : inputs) {
      const auto& [origin, carrier, method] = key;
      if (ends.first <= block + 1 && block + 1 < ends.last) {
        bytes += RegressionInput::held_bytes(ends.columns);
      }
      if (replaces_down_projection(method) && carrier <= block && block < ends.last) {
        carriers.insert(carrier);
      }
    }
    bytes += static_cast<int64_t>(carriers.size()) * model_.weights.largest_block_bytes() * 2;
    most = std::max(most, bytes);
  }
  return most;
}

int64_t PassMemory::bytes(size_t first, size_t count, bool spill) const {
  const DecoderConfig& config = model_.config;
  constexpr int64_t kRows = 2048;                                       // of a batch
  const int64_t blocks = 2 * 2 * model_.weights.largest_block_bytes();  // running and read ahead
  const int64_t fit = RegressionInput::held_bytes(columns_) + 8 * columns_ * columns_ +
                      3 * 8 * columns_ * config.hidden;
  const int64_t batch = kRows * 4 * (12 * config.hidden + 4 * config.mlp) +
                        (columns_ > 0 ? kRows * 2 * 8 * (columns_ + config.hidden) : 0);
  return resident_ + blocks + fit + batch + weights_ + span_bytes(first, count) +
         (spill ? 0 : stream_bytes(first, count));
}

PassDivision PassMemory::divide(int64_t limit) const {
  const size_t plans = traces_.size();
  // The most that a pass over so many plans takes.
  const auto most = [&](size_t at_once, bool spill) {
    int64_t bytes_of_all = 0;
    for (size_t begin = 0; begin < plans; begin += at_once) {
      bytes_of_all = std::max(bytes_of_all, bytes(begin, std::min(at_once, plans - begin), spill));
    }
    return bytes_of_all;
  };
  const bool spill = most(1, false) > limit;
  // Less than one plan takes cannot be had.
  const int64_t allowed = spill ? std::max(limit, most(1, true)) : limit;
  size_t at_once = std::max<size_t>(1, plans);
  while (at_once > 1 && most(at_once, spill) > allowed) {
    at_once = (at_once + 1) / 2;
  }
  return {at_once, spill};
}

}  // namespace linscan
