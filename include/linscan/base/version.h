// What this build is, for result files and `linscan doctor`.
#pragma once

#include <string_view>

#include "linscan/base/json.h"

namespace linscan {

std::string_view version();  // "0.1.0"
std::string_view commit();   // 12 hexadecimal digits, or "unknown" when built outside a repository

// The member "software" of a result; torch  the version that ran.
Json describe_software(std::string_view torch);

}  // namespace linscan
