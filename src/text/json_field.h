// One string member of a JSON object, without building the rest of it.
#pragma once

#include <string>
#include <string_view>

namespace linscan {

// The string `field` of the object that `line` holds. `where` ("data.jsonl:17") begins every error:
// invalid JSON or UTF-8, no object, nesting too deep, field missing, repeated or no string.
std::string read_string_field(std::string_view line,
                              std::string_view field,
                              const std::string& where);

}  // namespace linscan
