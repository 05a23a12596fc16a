// The modelling file of checkpoints with edited blocks (modeling_linscan.py beside this file).
#pragma once

#include <string>
#include <string_view>

namespace linscan {

// The file for models whose class in transformers is `architecture`.
std::string modeling_code(std::string_view architecture);

}  // namespace linscan
