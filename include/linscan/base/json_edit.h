// Changes to a JSON file of somebody else's that leave the rest of its text as it was.
#pragma once

#include <string>
#include <string_view>

#include "linscan/base/json.h"

namespace linscan {

// The JSON object `text` with the fewest changes that make it say `wanted`, which must be an object
// too. Members that say the same in both keep their bytes: their order, the spelling of their
// numbers (1e-05 stays 1e-05) and strings, and the white space around them. Objects inside are
// edited in the same way. Other values that differ are written anew, indented like the text around
// them; members that `wanted` lacks go, and those that only it has come last.
// Throws Error(kInput) like parse_json; `what` names the source in errors.
std::string edit_json(std::string_view text, const Json& wanted, std::string_view what);

}  // namespace linscan
