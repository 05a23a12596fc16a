// Names from files in messages.
#pragma once

#include <string>
#include <vector>

namespace linscan {

// "a", "b" and 3 more
std::string listed(const std::vector<std::string>& names);

}  // namespace linscan
