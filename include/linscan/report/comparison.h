// Many analyses side by side over normalised depth (block index / last block index): the paper's
// figures 1 and 3.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/json.h"

namespace linscan {

inline constexpr std::string_view kComparisonSchema = "linscan.comparison/1";

struct ComparisonInput {
  const Json* document;  // a result.json, "linscan.analysis/1"; must outlive the call
  std::string source;    // where it came from, for errors: "results/result.json"
  std::string label;     // what to call the model; empty: its folder's name
};

// The result document of a comparison, "linscan.comparison/1": per model what was run, the curves
// with their depths, mean, minimum and maximum of each; differences of protocol between the models.
// Labels are made unique by what tells equal ones apart.
//
// This and every function below validates each input first and throws Error (kInput) with its
// source. Equal inputs give equal bytes.
Json make_comparison(const std::vector<ComparisonInput>& inputs);

// For a terminal: the models, how their protocols differ, one line per model and figure.
std::string render_comparison_table(const std::vector<ComparisonInput>& inputs);

// The same as headings and pipe tables.
std::string render_comparison_markdown(const std::vector<ComparisonInput>& inputs);

// RFC 4180, long form: model, block, depth, metric, value, low, high; one row per number. `block`
// is "post_norm" for the post-norm point; numbers that do not exist have no value.
std::string render_comparison_csv(const std::vector<ComparisonInput>& inputs);

// One self-contained page as render_html(), with the document of make_comparison() inside.
std::string render_comparison_html(const std::vector<ComparisonInput>& inputs);

}  // namespace linscan
