// Everything a person sees of an evaluation: result documents of schema "linscan.eval/1".
#pragma once

#include <string>
#include <string_view>

#include "linscan/base/json.h"

namespace linscan {

inline constexpr std::string_view kEvaluationSchema = "linscan.eval/1";

// Throws Error(kInput) with the JSON path of the first thing that is not as follows. All of it must
// be there but "divergence".
//
//   model      {path, family, blocks, parameters}      compute   {dtype, device, seconds}
//   protocol   {ctx, stride, max_length}: counts       warnings  list of texts
//   tasks, perplexity   {NAME: {METRIC: number or null}}; n and tokens are counts
//   divergence   {texts: the same, positions and units are counts; reference: {path}}
void validate_evaluation(const Json& document);

// Each of these validates first. For a terminal, and as pipe tables: benchmarks, perplexities,
// distance from another model, as far as the document has them, with the rule behind every figure.
// A number that does not exist is a dash.
std::string render_evaluation_table(const Json& document);
std::string render_evaluation_markdown(const Json& document);

// RFC 4180, CRLF line ends: group, name, metric, value; one line for each number, null is empty.
std::string render_evaluation_csv(const Json& document);

// One self-contained page as render_html(), with the document inside.
std::string render_evaluation_html(const Json& document);

}  // namespace linscan
