#include "common/plan_file.h"

#include <nlohmann/json.hpp>

#include "linscan/base/error.h"

namespace linscan::tools {

Json read_plan_file(const std::filesystem::path& path) {
  Json plan = read_json_file(path);
  LINSCAN_CHECK(plan.is_object() && plan.contains("schema") && plan.at("schema") == kPlanSchema &&
                    plan.contains("model") && plan.at("model").is_object() &&
                    plan.at("model").contains("weights_sha256") &&
                    plan.at("model").at("weights_sha256").is_string(),
                kInput,
                "{}: not a plan (\"schema\": \"{}\") with the hash of its model",
                path.string(),
                kPlanSchema);
  return plan;
}

}  // namespace linscan::tools
