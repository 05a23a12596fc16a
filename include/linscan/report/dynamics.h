// Analyses of one model at several training steps, of one or more runs: the paper's figure 2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/json.h"

namespace linscan {

inline constexpr std::string_view kDynamicsSchema = "linscan.dynamics/1";

// The step that a result of `linscan pretrain-reg` carries ("training.step"), nothing where there
// is none. Throws Error (kInput) where it is no count.
std::optional<int64_t> training_step(const Json& document);

// The losses of a train.jsonl, in nats per token, by ascending step.
struct TrainingLog {
  struct Point {
    int64_t step;
    double loss;
  };
  std::vector<Point> training;  // parts.cross_entropy where every line has it, else the whole loss
  bool cross_entropy = false;   // which of the two
  std::vector<Point> held_out;
  std::vector<std::string> notes;  // what was left out, and why
};

// Lines {"step", "loss", "parts"} and {"step", "evaluation": {"loss"}}; other members are not
// looked at, losses that are null are left out. A line whose step is not above that of an earlier
// one replaces what was logged from that step on (a run that was resumed). An unfinished last line,
// without its line break, is left out with a note; any other that is no such object throws Error
// (kInput) with "source:line".
TrainingLog parse_training_log(std::string_view text, const std::string& source);

struct DynamicsPoint {
  int64_t step;
  const Json* document;  // "linscan.analysis/1"; must outlive the call
  std::string source;    // for errors
};

struct DynamicsRun {
  std::string label;
  std::vector<DynamicsPoint> points;  // in any order
  TrainingLog log;                    // may be empty
};

// The result document, "linscan.dynamics/1": per run the steps with the tokens seen, mean
// over blocks, minimum and maximum of every compared metric at each of them, the values of all
// blocks, and the losses. A
// mean exists where every block has the number.
//
// This and every function below throws Error (kInput) for an input that is no valid analysis, for
// two of one step in a run, and where the number of blocks changes within a run. Equal inputs give
// equal bytes.
Json make_dynamics(const std::vector<DynamicsRun>& runs);

// For a terminal: the runs, how they differ, one row per step.
std::string render_dynamics_table(const std::vector<DynamicsRun>& runs);

// The same as headings and pipe tables.
std::string render_dynamics_markdown(const std::vector<DynamicsRun>& runs);

// RFC 4180, long form: run, step, block, metric, value; one row per number. `block` is "mean" for
// the mean over blocks, and empty for losses ("loss.training", "loss.held_out").
std::string render_dynamics_csv(const std::vector<DynamicsRun>& runs);

// One self-contained page as render_html(), with the document of make_dynamics() inside.
std::string render_dynamics_html(const std::vector<DynamicsRun>& runs);

}  // namespace linscan
