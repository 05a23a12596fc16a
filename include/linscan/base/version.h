// What this build is, for result files and `linscan doctor`.
#pragma once

#include <string_view>

namespace linscan {

std::string_view version();  // "0.1.0"
std::string_view commit();   // 12 hexadecimal digits, or "unknown" when built outside a repository

}  // namespace linscan
