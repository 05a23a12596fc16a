// What a checkpoint folder holds and what this program makes of it, without reading a weight. For
// `linscan info`.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "linscan/base/error.h"
#include "linscan/base/json.h"

namespace linscan::tools {

struct ModelInfo {
  // "schema": "linscan.info/1". Facts that do not exist (the decoder of an unsupported
  // architecture) are null.
  Json json;
  // Why the model cannot be analyzed; empty when it can. The facts above are valid all the same.
  std::optional<Error> problem;
};

// Opens the folder's config.json and the headers of its weight files. `tensors` adds one entry per
// tensor. What keeps even the files from being opened (no folder, broken header, quantized weights)
// is thrown.
ModelInfo read_model_info(const std::filesystem::path& folder, bool tensors);

// "schema": "linscan.families/1": every family with the models, architectures and tested quirks.
Json families_json();

// The table of docs/families.md, and the same families as plain text; both end in a newline.
std::string render_families_markdown(const Json& families);
std::string render_families(const Json& families);

// The same facts for people, ending in a newline. Text from the checkpoint is shown without control
// characters.
std::string render_model_info(const Json& info);

}  // namespace linscan::tools
