#include "linscan/model/model.h"

#include <utility>

namespace linscan {

Model open_model(const std::filesystem::path& folder) {
  Checkpoint checkpoint = Checkpoint::open(folder);
  const std::string where = (folder / "config.json").string();
  const Family& family = find_family(checkpoint.config(), where);
  DecoderConfig config = read_decoder_config(checkpoint.config(), where);
  WeightMap weights = WeightMap::resolve(checkpoint, config, family);
  return {std::move(checkpoint), std::move(config), &family, std::move(weights)};
}

}  // namespace linscan
