// The one table of the results that fits a terminal: which columns, in which order, and what they
// mean.
#pragma once

#include <string>
#include <vector>

#include "report/document.h"

namespace linscan {

struct BlockColumn {
  std::string group;    // first head line; equal neighbours share it
  std::string head;     // second head line
  std::string path;     // the metric
  std::string meaning;  // for the footnote, empty where the group's first column said it
  int decimals = 3;
  bool interval = false;
};

// The columns for which the document has at least one number.
std::vector<BlockColumn> block_columns(const ResultDocument& analysis);
std::string block_cell(const Row& row, const BlockColumn& column);

}  // namespace linscan
