// Everything a person sees of a finished healing: result documents of schema
// "linscan.distillation/1".
#pragma once

#include <string>
#include <string_view>

#include "linscan/base/json.h"

namespace linscan {

inline constexpr std::string_view kDistillationSchema = "linscan.distillation/1";

// Throws Error(kInput) with the JSON path of what is not as follows:
//
//   teacher, student, data, losses, compute, settings   objects
//   train           which weights were trained
//   before, after   {kl, cross_entropy, perplexity, top1, each with _stderr; tokens, units, unit,
//                   teacher_perplexity, ..}: of held-out text; numbers may be null
//   steps           a count
void validate_distillation(const Json& document);

// For a terminal, as Markdown, and as a page: the facts of the run, and the student before and
// after it.
std::string render_distillation_table(const Json& document);
std::string render_distillation_markdown(const Json& document);
std::string render_distillation_html(const Json& document);

}  // namespace linscan
