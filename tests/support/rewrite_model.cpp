// rewrite_model SOURCE OUT MAX_SHARD_BYTES [BLOCK...]
//
// Reads a model, brings every weight into the layout of its slot, and writes it back through the
// weight table, for the tests that compare the two folders. With BLOCKs only those are kept, and
// config.json's num_hidden_layers says so.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "linscan/model/model.h"
#include "linscan/model/model_writer.h"
#include "linscan/model/weights.h"

namespace {

void rewrite(const std::vector<std::string>& arguments) {
  const linscan::Model model = linscan::open_model(arguments.at(0));
  linscan::Json config = model.checkpoint.config();
  std::vector<int64_t> kept(static_cast<size_t>(model.config.blocks()));
  std::iota(kept.begin(), kept.end(), 0);
  if (arguments.size() > 3) {
    kept.clear();
    for (size_t i = 3; i < arguments.size(); ++i) {
      kept.push_back(std::stoll(arguments[i]));
    }
    config["num_hidden_layers"] = kept.size();
  }
  linscan::ModelWriter writer(
      model, arguments.at(1), kept, {.max_shard_bytes = std::stoll(arguments.at(2))});
  for (const auto& [key, weight] : model.weights.all()) {
    const bool is_kept = key.block == linscan::kOutsideBlocks ||
                         std::find(kept.begin(), kept.end(), key.block) != kept.end();
    // The second key of a tied head names the same tensor.
    const bool is_alias =
        key.slot == linscan::Slot::kHead &&
        model.weights.find(linscan::Slot::kTokenEmbedding)->tensor == weight.tensor;
    if (is_kept && !is_alias) {
      writer.write(key,
                   linscan::decode_weight(
                       linscan::tensor_from_view(*weight.tensor), weight.transform, model.config));
    }
  }
  writer.commit(config);
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
