// The plan that prune and linearize leave beside the weights of what they write.
#pragma once

#include <filesystem>

#include "linscan/base/json.h"

namespace linscan::tools {

inline constexpr const char* kPlanFile = "linscan_plan.json";
inline constexpr const char* kPlanSchema = "linscan.edit-plan/1";

// A plan's document. Throws Error(kInput) where it has another schema, or no hash of its model.
Json read_plan_file(const std::filesystem::path& path);

}  // namespace linscan::tools
