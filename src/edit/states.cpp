#include "edit/states.h"

#include <utility>

#include "linscan/base/error.h"

namespace linscan {
namespace {

bool has_projection(const DecoderConfig& config, int64_t block) {
  const BlockConfig& own = config.per_block[static_cast<size_t>(block)];
  return own.has_mlp() && !own.experts;
}

// Before the span's fit: the carrier's own output, where the target is what the blocks make of it.
EditState open_span(EditPass& pass,
                    const EditPlan& plan,
                    const EditState& state,
                    const RunningBlock& running,
                    bool through_carrier) {
  EditState next = state;
  StreamPtr own;
  if (plan.target == Target::kOwn) {
    own = through_carrier ? pass.push(running.placed, *state.stream, true) : state.stream;
  }
  next.span = {state.stream, running.block, running.placed, std::move(own)};
  next.stream = nullptr;
  return next;
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
          ? fit_linear_block(pass, plan, span.carrier, *span.block.weights, *span.entry, target)
          : fit_projection(
                pass, plan, operation.method, span.carrier, span.block, *span.entry, target);
  fitted.record.begin = operation.begin;
  fitted.record.end = operation.end;
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
    next = open_span(pass, plan, state, running, /*through_carrier=*/false);
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

bool fits_from(const EditPlan& plan, int64_t block) {
  for (const Operation& operation : plan.operations) {
    const bool fits =
        operation.method != Method::kRemove && operation.method != Method::kNoAttention;
    if (fits &&
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
      return share(open_span(pass, plan, state, running, /*through_carrier=*/true));
    case EditStep::Kind::kAttention:
      return share(edit_attention(pass, plan, step.operation, state, running, with_fit_rows));
    case EditStep::Kind::kSweptBlock: {
      const FittedBlock fitted = fit_projection(pass,
                                                plan,
                                                Method::kRefit,
                                                running.block,
                                                running.placed,
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
