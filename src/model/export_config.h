// config.json and code of the forms in which an edited model is written, and which of them it
// allows.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/model/config.h"
#include "linscan/model/family.h"

namespace linscan {

// An edited model without its weights.
struct EditedConfig {
  const Json& source;  // config.json of the source
  const Family& family;
  const DecoderConfig& wanted;
  const std::vector<int64_t>& blocks;  // the source's block that each of wanted's was
};

struct ExportedConfig {
  Json config;
  std::map<std::string, std::string> files;  // code beside config.json, by name
};

// Each throws Error(kUnsupported) with the reason where the model cannot be written so.
ExportedConfig stock_config(const EditedConfig& model);
ExportedConfig remote_code_config(const EditedConfig& model);
// `model` as nemotron_blocks gives it.
ExportedConfig nemotron_config(const EditedConfig& model);

// The model as Nemotron-NAS says it. A map in place of a block becomes one in place of attention
// before an MLP of the smallest size, which must be zero: llama.cpp leaves out a block without MLP
// altogether, its attention too.
DecoderConfig nemotron_blocks(const DecoderConfig& wanted);

// Names of the code that remote_code_config writes: not carried over from the source.
inline constexpr const char* kModelingFile = "modeling_linscan.py";

}  // namespace linscan
