#include "report/block_table.h"

#include <algorithm>
#include <string_view>

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

const BlockColumn kPartColumns[] = {
    {"attention",
     "R²",
     "sublayers.attention.linearity.update.held_out",
     "held-out R² of what attention adds, from the stream that it reads",
     3},
    {"attention", "[interval]", "sublayers.attention.linearity.update.held_out_ci", "", 3, true},
    {"attention",
     "in-smp.",
     "sublayers.attention.linearity.update.in_sample",
     "R² of what attention adds, in sample",
     3},
    {"attention",
     "ratio",
     "sublayers.attention.norm.ratio",
     "norm of what attention adds over norm of the stream after it",
     3},
    {"MLP",
     "R²",
     "sublayers.mlp.linearity.update.held_out",
     "held-out R² of what the MLP adds, from the stream that it reads",
     3},
    {"MLP", "[interval]", "sublayers.mlp.linearity.update.held_out_ci", "", 3, true},
    {"MLP",
     "in-smp.",
     "sublayers.mlp.linearity.update.in_sample",
     "R² of what the MLP adds, in sample",
     3},
    {"MLP",
     "ratio",
     "sublayers.mlp.norm.ratio",
     "norm of what the MLP adds over norm of the stream after it",
     3},
    {"removed",
     "KL",
     "damage.remove.kl",
     "mean KL of the predictions in nats per token when the block is left out; damage.remove.ce "
     "and "
     ".top1: change of the cross-entropy in nats, share of tokens predicted as before",
     3,
     false,
     true},
    {"removed", "Δ CE", "damage.remove.ce", "", 3, false, true},
    {"removed", "top-1", "damage.remove.top1", "", 3},
    {"linear",
     "KL",
     "damage.linear.kl",
     "the same when the block is replaced by its fitted map",
     3,
     false,
     true},
    {"linear", "Δ CE", "damage.linear.ce", "", 3, false, true},
    {"linear", "top-1", "damage.linear.top1", "", 3},
    {"probe",
     "acc.",
     "probe.accuracy",
     "share of held-out texts whose class a linear classifier reads off the last token's state; "
     "probe.chance: the most frequent class",
     3},
    {"probe", "±", "probe.stderr", "", 3},
};

// A score in sample is shown where there is none that is held out.
bool stands_in(const ResultDocument& analysis, const BlockColumn& column) {
  constexpr std::string_view kInSample = "in_sample";
  if (!column.path.ends_with(kInSample)) {
    return true;
  }
  std::string held_out = column.path;
  held_out.replace(held_out.size() - kInSample.size(), kInSample.size(), "held_out");
  return !analysis.any(held_out);
}

bool present(const ResultDocument& analysis, const BlockColumn& column) {
  return analysis.any(column.interval ? column.path + ".low" : column.path);
}

}  // namespace

std::vector<BlockColumn> block_columns(const ResultDocument& analysis) {
  std::vector<BlockColumn> columns;
  for (const BlockColumn& column : kColumns) {
    if (present(analysis, column)) {
      columns.push_back(column);
    }
  }
  return columns;
}

std::vector<BlockColumn> part_columns(const ResultDocument& analysis) {
  std::vector<BlockColumn> columns;
  for (const BlockColumn& column : kPartColumns) {
    if (present(analysis, column) && stands_in(analysis, column)) {
      columns.push_back(column);
    }
  }
  return columns;
}

std::vector<std::vector<BlockColumn>> block_tables(const ResultDocument& analysis) {
  std::vector<std::vector<BlockColumn>> tables = {block_columns(analysis), part_columns(analysis)};
  std::erase_if(tables, [](const auto& columns) { return columns.empty(); });
  return tables;
}

std::vector<Row> rows_of(const ResultDocument& analysis, const std::vector<BlockColumn>& columns) {
  const bool blocks_only = std::all_of(columns.begin(), columns.end(), [](const auto& column) {
    return of_blocks_only(column.path);
  });
  return blocks_only ? analysis.blocks() : analysis.rows();
}

std::string block_cell(const Row& row, const BlockColumn& column) {
  if (column.interval) {
    return interval_text(row, column.path, column.decimals);
  }
  const Number value = row.number(column.path);
  return column.significant ? linscan::significant(value, column.decimals)
                            : fixed(value, column.decimals);
}

}  // namespace linscan
