// Everything a person sees of a finished training: result documents of schema "linscan.training/1".
#pragma once

#include <string>
#include <string_view>

#include "linscan/base/json.h"

namespace linscan {

inline constexpr std::string_view kTrainingSchema = "linscan.training/1";

// Throws Error(kInput) with the JSON path of what is not as follows; members of the objects may be
// absent.
//
//   model      blocks, hidden, parameters: counts      data   tokens, documents, ctx: counts
//   compute    tokens_per_second                       settings   batch_tokens: a count;
//              regularizer: {kind, lambda, push_apart}
//   steps      a count                                 stopped_early   true or false
//   evaluation   {loss, perplexity, tokens} or null: of held-out text
//   linearity    [{step, stream, update}]: means over blocks of the held-out scores; may be null
void validate_training(const Json& document);

// Each validates first. For a terminal, and as Markdown: the facts of the run, and the linearity
// over its steps.
std::string render_training_table(const Json& document);
std::string render_training_markdown(const Json& document);

// RFC 4180: step, update, stream; one row per measured step.
std::string render_training_csv(const Json& document);

// One self-contained page as render_html(), with the document inside.
std::string render_training_html(const Json& document);

}  // namespace linscan
