// rewrite_model SOURCE OUT MAX_SHARD_BYTES [BLOCK...]
//
// Reads a model, brings every weight into the layout of its slot, and writes it back through the
// weight table, for the tests that compare the two folders. With BLOCKs only those are kept.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "linscan/model/model.h"
#include "linscan/model/model_writer.h"
#include "linscan/model/weights.h"

namespace {

// Only `blocks` of the source are kept.
linscan::EditedModel keep(const linscan::Model& source, const std::vector<int64_t>& blocks) {
  linscan::EditedModel model{&source, source.config, blocks, {}};
  model.config.per_block.clear();
  for (const int64_t block : blocks) {
    model.config.per_block.push_back(source.config.per_block.at(static_cast<size_t>(block)));
  }
  return model;
}

// Every weight counts as replaced by itself.
void replace_all(linscan::EditedModel& model) {
  const linscan::Model& source = *model.source;
  for (const auto& [key, weight] : source.weights.all()) {
    const bool kept =
        key.block == linscan::kOutsideBlocks ||
        std::find(model.blocks.begin(), model.blocks.end(), key.block) != model.blocks.end();
    // The second key of a tied head names the same tensor.
    const bool is_alias =
        key.slot == linscan::Slot::kHead &&
        source.weights.find(linscan::Slot::kTokenEmbedding)->tensor == weight.tensor;
    if (kept && !is_alias) {
      model.weights.emplace(
          key,
          linscan::decode_weight(
              linscan::tensor_from_view(*weight.tensor), weight.transform, source.config));
    }
  }
}

void rewrite(const std::vector<std::string>& arguments) {
  const linscan::Model source = linscan::open_model(arguments.at(0));
  std::vector<int64_t> blocks;
  for (size_t i = 3; i < arguments.size(); ++i) {
    blocks.push_back(std::stoll(arguments[i]));
  }
  linscan::EditedModel model =
      blocks.empty() ? linscan::EditedModel::unchanged(source) : keep(source, blocks);
  replace_all(model);
  linscan::write_model(model,
                       arguments.at(1),
                       linscan::ExportForm::kStock,
                       {.max_shard_bytes = std::stoll(arguments.at(2))});
}

}  // namespace

int main(int argc, char** argv) {
  try {
    rewrite({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "rewrite_model: error: %s\n", e.what());
    return 1;
  }
}
