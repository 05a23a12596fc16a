#include "common/output.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "linscan/base/error.h"

namespace linscan::tools {

std::string draw_document(const Json& document,
                          const std::string& format,
                          const Renderers& renderers) {
  if (format == "json") {
    return document.dump(1) + "\n";
  }
  if (format == "markdown") {
    return renderers.markdown(document);
  }
  if (format == "csv") {
    LINSCAN_CHECK(renderers.csv != nullptr,
                  kInput,
                  "--format csv: a result with the schema {} is no table of numbers; use json",
                  document.at("schema").get<std::string>());
    return renderers.csv(document);
  }
  return renderers.table(document);
}

std::string config_toml(std::string_view command, const Json& config) {
  std::string toml = fmt::format("# Repeats this run: linscan {} --config run.toml\n", command);
  for (const auto& [key, value] : config.items()) {
    if (!value.is_array() || !value.empty()) {
      toml += key + " = " + value.dump() + "\n";
    }
  }
  return toml;
}

}  // namespace linscan::tools
