// Edited blocks in files: the object "linscan" of config.json that says their forms, and the names
// of their maps.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "linscan/base/json.h"
#include "linscan/model/config.h"
#include "linscan/model/family.h"
#include "model/config_reader.h"

namespace linscan {

inline constexpr std::string_view kFormsKey = "linscan";

// Modules of an architecture of transformers, as its weight table names them.
struct BlockNames {
  std::string layers;      // path of the list of blocks: "model.layers"
  std::string attention;   // within a block: "self_attn"
  std::string input_norm;  // of attention, within a block: "input_layernorm"; empty: none
};

BlockNames block_names(const Family& family, const DecoderConfig& config);

// Adds the rows of the maps to a family's table, unless the family has its own.
void add_map_rows(std::vector<WeightRow>& rows);

// The forms of the object "linscan", where config.json has one, go to decoder.per_block.
void read_forms(const ConfigReader& config, DecoderConfig& decoder);

// The architecture that the object names; "" without it.
std::string forms_architecture(const ConfigReader& config);

// The object for a model of these forms. `architecture`: the class of transformers that is edited.
Json forms_object(const Family& family,
                  const DecoderConfig& config,
                  const std::string& architecture);

}  // namespace linscan
