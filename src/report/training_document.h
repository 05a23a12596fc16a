// What the table and the page of a training show.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "linscan/base/json.h"
#include "report/text_table.h"

namespace linscan {

// Label and value of what must be known of a valid document, clean text.
std::vector<std::pair<std::string, std::string>> training_facts(const Json& document);

// The linearity over the steps.
TextTable training_steps_table(const Json& document);

}  // namespace linscan
