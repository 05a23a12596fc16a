#include "edit/states.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "linscan/base/error.h"

namespace linscan {
namespace {

bool has_projection(const DecoderConfig& config, int64_t block) {
  const BlockConfig& own = config.per_block[static_cast<size_t>(block)];
  return own.has_mlp() && !own.experts;
}

// What a span's fit needs of its carrier: of a block that goes, its norm at most.
PlacedBlock carrier_of(const RunningBlock& running, bool through_carrier) {
  if (through_carrier) {
    return running.placed;
  }
  auto weights = std::make_shared<BlockWeights>();
  weights->attention_norm = running.placed.weights->attention_norm;
  return {running.placed.config, std::move(weights)};
}

// Before the span's fit: the carrier's own output, where the target is what the blocks make of it.
EditState open_span(EditPass& pass,
                    const EditPlan& plan,
                    Method method,
                    const EditState& state,
                    const RunningBlock& running) {
  const bool through_carrier = replaces_down_projection(method);
  EditState next = state;
  StreamPtr own;
  if (plan.target == Target::kOwn) {
    own = through_carrier ? pass.push(running.placed, *state.stream, true) : state.stream;
  }
  next.span = {state.stream,
               running.block,
               carrier_of(running, through_carrier),
               span_input(pass, plan, method, running.block, *state.stream),
               std::move(own)};
  next.stream = nullptr;
  return next;
}

// Adds |error| / |whole| of every row; 0 where there is no error.
void add_ratios(const at::Tensor& error, const at::Tensor& whole, std::vector<float>& ratios) {
  const at::Tensor size = error.norm(2, {1}, /*keepdim=*/false, at::kDouble);
  const at::Tensor of = whole.norm(2, {1}, /*keepdim=*/false, at::kDouble);
  const at::Tensor ratio =
      at::where(size == 0, size, size / of).to(at::kCPU, at::kFloat).contiguous();
  const float* values = ratio.const_data_ptr<float>();
  ratios.insert(ratios.end(), values, values + ratio.numel());
}

// What the fitted block leaves of the way from the entry's state without it to the target, on the
// measured windows.
HeldOutFit held_out(EditPass& pass,
                    Method method,
                    const EditState::Span& span,
                    const FittedBlock& fitted,
                    const Stream& target) {
  HeldOutFit fit;
  const bool through_carrier = replaces_down_projection(method);
  const double scale = through_carrier ? pass.model().config.residual_scale : 1.0;
  double left = 0;
  double total = 0;
  pass.for_measured_batches([&](const EditBatch& batch) {
    const at::Tensor x = span.entry->load(batch, pass.device());
    const at::Tensor goal = target.load(batch, pass.device());
    const at::Tensor without = through_carrier ? pass.forward(span.block, x, batch).resid_post : x;
    const at::Tensor missing = goal - without;
    const at::Tensor error = goal - pass.forward(fitted.block, x, batch).resid_post;
    add_ratios(error, goal, fit.errors.of_target);
    add_ratios(error, missing, fit.errors.of_missing);
    at::Tensor about_mean = missing.to(at::kDouble);
    if (fitted.mean_missing.defined()) {
      about_mean = about_mean - fitted.mean_missing * scale;
    }
    left += error.square().sum(at::kDouble).item<double>();
    total += about_mean.square().sum().item<double>();
  });
  if (total > 0) {
    fit.unexplained = left / total;
  }
  return fit;
}

EditState close_span(EditPass& pass,
                     const EditPlan& plan,
                     const Operation& operation,
                     EditState state,
                     const RunningBlock& running,
                     bool with_fit_rows) {
  const EditState::Span span = *std::exchange(state.span, std::nullopt);
  const Stream& target = span.own ? *span.own : *running.dense_after;
  FittedBlock fitted =
      operation.method == Method::kLinear
          ? fit_linear_block(
                pass, plan, span.carrier, *span.block.weights, span.input, *span.entry, target)
          : fit_projection(pass,
                           plan,
                           operation.method,
                           span.carrier,
                           span.block,
                           span.input,
                           *span.entry,
                           target);
  fitted.record.begin = operation.begin;
  fitted.record.end = operation.end;
  if (pass.wants_held_out()) {
    fitted.record.held_out = held_out(pass, operation.method, span, fitted, target);
  }
  state.append(span.carrier, fitted);
  state.projection_solved = state.projection_solved || replaces_down_projection(operation.method);
  state.stream = pass.push(fitted.block, *span.entry, with_fit_rows);
  return state;
}

EditState skip(EditPass& pass,
               const EditPlan& plan,
               const Operation& operation,
               const EditState& state,
               const RunningBlock& running,
               bool with_fit_rows) {
  if (operation.method == Method::kRemove) {
    return state;
  }
  EditState next = state;
  if (operation.method == Method::kLinear && running.block == operation.begin) {
    next = open_span(pass, plan, Method::kLinear, state, running);
  }
  if (next.span->own) {
    next.span->own = pass.push(running.placed, *next.span->own, true);
  }
  if (running.block + 1 == operation.end) {
    return close_span(pass, plan, operation, std::move(next), running, with_fit_rows);
  }
  return next;
}

EditState edit_attention(EditPass& pass,
                         const EditPlan& plan,
                         const Operation& operation,
                         const EditState& state,
                         const RunningBlock& running,
                         bool with_fit_rows) {
  EditState next = state;
  PlacedBlock placed = running.placed;
  if (operation.method == Method::kLinearAttention) {
    FittedBlock fitted = fit_linear_attention(
        pass, plan, running.block, running.placed, *state.stream, *running.dense_before);
    fitted.record.end = running.block + 1;
    placed = fitted.block;
    next.append(running.block, fitted);
  } else {
    placed.config.form = BlockForm::kNoAttention;
    next.append(running.block, placed.config);
  }
  next.stream = pass.push(placed, *state.stream, with_fit_rows);
  return next;
}

}  // namespace

EditStep step_at(const DecoderConfig& config, const EditPlan& plan, int64_t block) {
  bool solved = false;
  for (const Operation& operation : plan.operations) {
    if (operation.begin <= block && block < operation.end) {
      return {keeps_blocks(operation.method) ? EditStep::Kind::kAttention : EditStep::Kind::kSkip,
              operation};
    }
    if (operation.begin == block + 1 && replaces_down_projection(operation.method)) {
      return {EditStep::Kind::kSeam, operation};
    }
    solved = solved || (operation.end <= block && replaces_down_projection(operation.method));
  }
  const bool sweeps = plan.sweep && solved && has_projection(config, block);
  return {sweeps ? EditStep::Kind::kSweptBlock : EditStep::Kind::kBlock, {}};
}

std::string step_key(const EditPlan& plan, const EditStep& step) {
  if (step.kind == EditStep::Kind::kBlock) {
    return "";
  }
  // A step that fits depends on how.
  EditPlan how = plan;
  how.operations = {step.operation};
  return fmt::format("{} {}", static_cast<int>(step.kind), to_json(how).dump());
}

bool fits_from(const EditPlan& plan, int64_t block) {
  for (const Operation& operation : plan.operations) {
    if (fits_maps(operation.method) &&
        (operation.end > block || (plan.sweep && replaces_down_projection(operation.method)))) {
      return true;
    }
  }
  return false;
}

StatePtr take_step(EditPass& pass,
                   const EditPlan& plan,
                   const EditStep& step,
                   const EditState& state,
                   const RunningBlock& running,
                   bool with_fit_rows) {
  const auto share = [](EditState next) { return std::make_shared<EditState>(std::move(next)); };
  switch (step.kind) {
    case EditStep::Kind::kSkip:
      return share(skip(pass, plan, step.operation, state, running, with_fit_rows));
    case EditStep::Kind::kSeam:
      return share(open_span(pass, plan, step.operation.method, state, running));
    case EditStep::Kind::kAttention:
      return share(edit_attention(pass, plan, step.operation, state, running, with_fit_rows));
    case EditStep::Kind::kSweptBlock: {
      const FittedBlock fitted =
          fit_projection(pass,
                         plan,
                         Method::kRefit,
                         running.block,
                         running.placed,
                         projection_input(pass, Method::kRefit, running.block),
                         *state.stream,
                         *running.dense_after);
      EditState next = state;
      next.append(running.block, fitted);
      next.stream = pass.push(fitted.block, *state.stream, with_fit_rows);
      return share(std::move(next));
    }
    case EditStep::Kind::kBlock: {
      EditState next = state;
      next.append(running.block, running.placed.config);
      next.stream = pass.push(running.placed, *state.stream, with_fit_rows);
      return share(std::move(next));
    }
  }
  fail(ErrorKind::kInternal, "unknown edit step");
}

}  // namespace linscan
