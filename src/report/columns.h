// The metrics that a document holds, as flat columns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/document.h"

namespace linscan {

struct Column {
  std::string path;       // "linearity.stream.held_out"
  bool interval = false;  // then path + ".low" and path + ".high" hold the numbers
};

// Columns of all blocks and the post-norm point, in the order in which the document has them.
std::vector<Column> collect_columns(const ResultDocument& analysis);
// The same for any rows.
std::vector<Column> collect_columns(const std::vector<Row>& rows);

// Columns that belong in one table: the scores of one variant, the baselines, ...
struct ColumnGroup {
  std::string title;
  std::string prefix;  // stripped from the paths for the heads, with its dot; may be empty
  std::vector<Column> columns;
};
std::vector<ColumnGroup> group_columns(const std::vector<Column>& columns);

// Metrics that the post-norm point cannot have: of sublayers, of damage, and of probes.
bool of_blocks_only(std::string_view path);

// The cell of a column: a number at the metric's precision, "[low, high]", or the missing mark.
std::string cell_text(const Row& row, const Column& column);
bool cell_missing(const Row& row, const Column& column);

// "[0.41, 0.44]" at `decimals`, the missing mark where an end is missing.
std::string interval_text(const Row& row, std::string_view path, int decimals);

// "post_norm" -> "post-norm", "3" -> "3": a row's name for people.
std::string row_label(const Row& row);

// Why numbers at these paths are missing: one line per reason and set of blocks.
std::vector<std::string> missing_notes(const ResultDocument& analysis,
                                       const std::vector<std::string>& paths);

}  // namespace linscan
