// A checkpoint opened as a decoder: files, config and weight map, all checked, no weight read yet.
#pragma once

#include <filesystem>
#include <memory>

#include "linscan/io/checkpoint.h"
#include "linscan/model/config.h"
#include "linscan/model/family.h"
#include "linscan/model/weight_map.h"

namespace linscan {

struct Model {
  Checkpoint checkpoint;
  DecoderConfig config;
  const Family* family;
  WeightMap weights;  // points into `checkpoint`
};

// Opens a HuggingFace folder. Everything that is wrong with it is an Error of one line.
Model open_model(const std::filesystem::path& folder);

}  // namespace linscan
