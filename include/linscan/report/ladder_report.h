// The ladder: what a model loses as more and more blocks are edited, by each method and criterion
// (figures 6 and 8 of the paper).
#pragma once

#include <string>
#include <string_view>

#include "linscan/base/json.h"

namespace linscan {

inline constexpr std::string_view kLadderSchema = "linscan.ladder/1";

// Throws Error(kInput) with the JSON path of the first thing that is not as follows. "schema",
// "model" (with "path") and "rungs" must be there; numbers may be null.
//
//   model   path, family, blocks, hidden, parameters, dtype
//   data    files, tokens, windows, documents, ctx: what was fitted to
//   evaluation_data   the same: what the perplexity was measured on
//   dense   the model as it is: {perplexity, parameters, tasks}
//   rungs   [{k, method, by, blocks, perplexity, kl, top1, parameters, tasks}]: k blocks edited by
//           `method` ("refit + sweep"), chosen `by` a criterion ("loss"); no two of the same three
//   tasks   {NAME: {acc, stderr}}
//   warnings  list of texts               software, compute, config   objects, shown as they are
void validate_ladder(const Json& document);

// Each validates first. For a terminal, as Markdown, and as one page that loads nothing, with the
// document inside. Equal documents give equal bytes.
std::string render_ladder_table(const Json& document);
std::string render_ladder_markdown(const Json& document);
std::string render_ladder_html(const Json& document);

// RFC 4180, long form: method, by, k, blocks, perplexity, kl, top1, parameters, then acc and stderr
// of every task; the first row, with the method "dense" and k = 0, is the model as it is.
std::string render_ladder_csv(const Json& document);

}  // namespace linscan
