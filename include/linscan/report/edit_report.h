// What an edited model was made of, for people: the report that `linscan prune` and `linscan
// linearize` write beside the model.
#pragma once

#include <string>
#include <string_view>

#include "linscan/base/json.h"

namespace linscan {

inline constexpr std::string_view kEditSchema = "linscan.edit/1";

// Throws Error(kInput) with the JSON path of the first thing that is not as follows. Only "schema"
// and "model" (with "path") must be there.
//
//   model       the source: path, family, blocks, hidden, parameters, dtype, weights_sha256
//   data, evaluation_data   files, tokens, windows, documents, ctx: fitted to and chosen by; judged
//   on recipe      text: "refit + sweep"           criterion   text: "loss", "explicit" plan an
//   object, shown as it is; of its "operations" {begin, end}: blocks edited, half open blocks
//   [{block, action, becomes}]: what became of every block of the source; `action` is a
//               text ("kept", "removed", ...), `becomes` its number in the edited model or null
//   searches    [{recipe, rounds: [[{blocks, cross_entropy, kl}, ...], ...]}]: round k tried sets
//   of k
//               blocks, best first
//   fits        [{method, begin, end, block, tokens, unknowns, rank, unexplained}]
//   unedited, edited   {tokens, perplexity, cross_entropy, kl, top1} on the evaluation data, and
//   the
//               standard errors cross_entropy_stderr, kl_stderr, top1_stderr; or null
//   parameters  {before, after}                 export      {form, path, reason}
//   verification  {tokens, largest_logit_difference}
//   warnings    list of texts                   software, compute, config   objects, shown as they
//   are
void validate_edit(const Json& document);

// Each validates first. For a terminal, at most 120 columns wide; as Markdown; as one page that
// loads nothing, with the document inside. Equal documents give equal bytes.
std::string render_edit_table(const Json& document);
std::string render_edit_markdown(const Json& document);
std::string render_edit_html(const Json& document);

}  // namespace linscan
