// What the tables and the page of an evaluation show.
#pragma once

#include <string>
#include <vector>

#include "linscan/base/json.h"
#include "report/text_table.h"

namespace linscan {

// A table with what its figures mean.
struct EvaluationSection {
  TextTable table;
  std::string note;
};

// Of a valid document: benchmarks, perplexities, distance from another model, those that are there.
std::vector<EvaluationSection> evaluation_sections(const Json& document);

// Model, device, time in one line of clean text.
std::string evaluation_model_line(const Json& document);

}  // namespace linscan
