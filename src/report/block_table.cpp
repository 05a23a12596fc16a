#include "report/block_table.h"

#include <iterator>

#include "report/columns.h"

namespace linscan {
namespace {

const BlockColumn kColumns[] = {
    {"stream R²",
     "held out",
     "linearity.stream.held_out",
     "R² of the best affine map from the block's input to its output, on documents it was not "
     "fitted on; both share the residual path, so compare it with scaled identity",
     5},
    {"stream R²", "[interval]", "linearity.stream.held_out_ci", "", 5, true},
    {"update R²",
     "held out",
     "linearity.update.held_out",
     "the same for what the block adds (output minus input): the score to read first",
     3},
    {"update R²", "[interval]", "linearity.update.held_out_ci", "", 3, true},
    {"update R²",
     "in sample",
     "linearity.update.in_sample",
     "update R² in sample: fitted and scored on the same tokens, to be read against the null",
     3},
    {"scaled", "identity", "baselines.scaled_identity", "stream R² of one scalar, in sample", 5},
    {"", "cosine", "cosine", "mean cosine of a token's input and output", 4},
    {"norm", "ratio", "norm.ratio", "norm of the update over norm of the output", 3},
    {"", "ID", "geometry.intrinsic_dimension", "TwoNN intrinsic dimension of the output", 1},
    {"eff.", "rank", "geometry.effective_rank", "effective rank of the output", 1},
    {"aniso-",
     "tropy",
     "geometry.anisotropy",
     "share of the output's variance on its first principal component",
     3},
};

}  // namespace

std::vector<BlockColumn> block_columns(const ResultDocument& analysis) {
  std::vector<BlockColumn> columns;
  for (const BlockColumn& column : kColumns) {
    if (analysis.any(column.interval ? column.path + ".low" : column.path)) {
      columns.push_back(column);
    }
  }
  return columns;
}

std::string block_cell(const Row& row, const BlockColumn& column) {
  if (column.interval) {
    return interval_text(row, column.path, column.decimals);
  }
  return fixed(row.number(column.path), column.decimals);
}

}  // namespace linscan
