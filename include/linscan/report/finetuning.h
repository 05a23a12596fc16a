// What fine-tuning did to the linearity of a model: result documents of schema
// "linscan.finetuning/1" (table 1 of the paper).
#pragma once

#include <string>
#include <string_view>

#include "linscan/base/json.h"

namespace linscan {

inline constexpr std::string_view kFinetuningSchema = "linscan.finetuning/1";

// Throws Error(kInput) with the JSON path of what is not as follows; numbers may be null:
//
//   model, task, data, settings   objects
//   before                        {FIGURE: x}, the mean over blocks
//   after, change, evaluation     {FIGURE: {mean, sd}} over seeds
//   blocks   [{block, before: {FIGURE: x}, after: {FIGURE: {mean, sd}}, change: the same}]
//   seeds    [{seed, evaluation, change}]
void validate_finetuning(const Json& document);

// For a terminal, as Markdown, and as a page: the facts of the run, the change averaged over
// blocks, each seed, each block.
std::string render_finetuning_table(const Json& document);
std::string render_finetuning_markdown(const Json& document);
std::string render_finetuning_html(const Json& document);

}  // namespace linscan
