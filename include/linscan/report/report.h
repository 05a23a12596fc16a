// Everything a person sees of an analysis. The input of every function is the result document
// itself (result.json, schema "linscan.analysis/1"), so a saved result renders to the same bytes as
// a fresh one.
#pragma once

#include <string>
#include <string_view>

#include "linscan/base/json.h"

namespace linscan {

inline constexpr std::string_view kAnalysisSchema = "linscan.analysis/1";

// Throws Error (kInput) with the JSON path of the first thing that is not as the schema says.
// Metric groups may be absent and every metric may be null.
void validate_analysis(const Json& document);

// Each of these validates first, then renders the whole document. Equal documents give equal bytes.

// For a terminal: header lines, one row per block and one for the post-norm point, warnings, what
// the columns mean. At most about 120 columns wide. Control characters in names are replaced, so no
// text can steer the terminal.
std::string render_table(const Json& document);

// The same content as headings, lists and a pipe table.
std::string render_markdown(const Json& document);

// RFC 4180, CRLF line ends: a header of dotted metric paths ("linearity.stream.held_out"), then one
// row per block; the last row, named "post_norm" in the column "block", is the post-norm point.
// Numbers round-trip, null is empty.
std::string render_csv(const Json& document);

// One self-contained page: figures as inline SVG, tables, definitions, protocol and the document
// itself. No scripts that run, nothing loaded from elsewhere; light, dark and print.
std::string render_html(const Json& document);

}  // namespace linscan
