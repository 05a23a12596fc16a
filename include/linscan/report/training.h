// Everything a person sees of a finished training: result documents of schema "linscan.training/1".
#pragma once

#include <string>
#include <string_view>

#include "linscan/base/json.h"

namespace linscan {

inline constexpr std::string_view kTrainingSchema = "linscan.training/1";

// Throws Error(kInput) with the JSON path of what is not as follows:
//
//   model, data, compute, settings   objects         steps   a count
//   evaluation   {loss, perplexity, tokens} or null: of held-out text
//   linearity    [{step, stream, update}]: means over blocks of the held-out scores; may be null
void validate_training(const Json& document);

// For a terminal, and as Markdown: the facts of the run, and the linearity over its steps.
std::string render_training_table(const Json& document);
std::string render_training_markdown(const Json& document);

}  // namespace linscan
