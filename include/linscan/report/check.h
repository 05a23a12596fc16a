// The gate: has a model's profile moved since a baseline was taken?
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/json.h"

namespace linscan {

inline constexpr std::string_view kCheckSchema = "linscan.check/1";

// How far a number may be from its baseline. Metrics whose range ends above (R^2, cosine, shares)
// may move by the tolerance itself, the others (norms, ranks, dimensions) by that share of the
// baseline.
struct Tolerance {
  double general = 1e-3;
  struct Rule {
    std::string
        name;  // one or more whole parts of a metric's path: "intrinsic_dimension", "update"
    double value;
  };
  std::vector<Rule> rules;  // the longest matching name wins, of equally long ones the last
};

// "1e-3" or "NAME=X"; throws Error (kUsage) for anything else, also below zero.
void add_tolerance(std::string_view text, Tolerance& tolerance);

// One number that moved, appeared or vanished.
struct Move {
  std::string block;   // "0" ..., "post_norm", "embedding"
  std::string metric;  // dotted path; ends of an interval are ".low" and ".high"
  std::optional<double> baseline;
  std::optional<double> now;
  std::optional<double> difference;  // now - baseline
  std::optional<double> allowed;     // largest |difference|; nothing where a number is missing
  std::string reason;                // why a number is missing, empty where none is
};

struct CheckOutcome {
  int64_t compared = 0;            // numbers that both have
  std::vector<Move> moved;         // past the tolerance: the furthest first, missing ones before
  std::optional<Move> nearest;     // of those inside: the one that uses most of what it may
  std::vector<std::string> extra;  // metrics and blocks that only the result has: not compared
  std::vector<std::string> differing;  // facts that differ and were allowed to
  bool passed() const { return moved.empty(); }
};

// What --allow-different may name.
std::vector<std::string_view> check_facts();

// Compares every number of blocks, post-norm point and embedding. Throws Error: kInput where either
// document is no valid analysis, where they have no number in common, and where they differ in
// model, or in weights, data or protocol without `allowed` naming it; kUsage where `tolerance` or
// `allowed` name something that does not exist.
CheckOutcome check_result(const Json& result,
                          const Json& baseline,
                          const Tolerance& tolerance,
                          const std::vector<std::string>& allowed);

// One line where it passed, else a table of what moved. The table and Markdown stop after the
// furthest fifty; CSV and JSON ("linscan.check/1") have all.
std::string render_check_table(const CheckOutcome& outcome);
std::string render_check_markdown(const CheckOutcome& outcome);
std::string render_check_csv(const CheckOutcome& outcome);
Json check_document(const CheckOutcome& outcome, const Tolerance& tolerance);

}  // namespace linscan
