// The tables of the results that fit a terminal: which columns, in which order, and what they mean.
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
  int decimals = 3;     // or significant digits
  bool interval = false;
  bool significant = false;  // values of any size
};

// The columns for which the document has at least one number: of the blocks, and of a second table
// with sublayers and damage, where these were asked for.
std::vector<BlockColumn> block_columns(const ResultDocument& analysis);
std::vector<BlockColumn> part_columns(const ResultDocument& analysis);
// Both tables, those that have columns.
std::vector<std::vector<BlockColumn>> block_tables(const ResultDocument& analysis);
// The rows of a table.
std::vector<Row> rows_of(const ResultDocument& analysis, const std::vector<BlockColumn>& columns);
std::string block_cell(const Row& row, const BlockColumn& column);

}  // namespace linscan
