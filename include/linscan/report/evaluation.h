// Everything a person sees of an evaluation: result documents of schema "linscan.eval/1".
#pragma once

#include <string>
#include <string_view>

#include "linscan/base/json.h"

namespace linscan {

inline constexpr std::string_view kEvaluationSchema = "linscan.eval/1";

// For a terminal, and as pipe tables: benchmarks, perplexities, distance from another model, as far
// as the document has them, with the rule behind every figure. A number that does not exist is a
// dash.
std::string render_evaluation_table(const Json& document);
std::string render_evaluation_markdown(const Json& document);

// RFC 4180, CRLF line ends: group, name, metric, value; one line for each number, null is empty.
std::string render_evaluation_csv(const Json& document);

}  // namespace linscan
