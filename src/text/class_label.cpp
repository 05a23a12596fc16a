#include "text/class_label.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "linscan/base/error.h"

namespace linscan {

int64_t read_label(const JsonNode& node, std::span<const std::string_view> names) {
  const Json& value = node.value();
  const auto classes = static_cast<int64_t>(names.size());
  int64_t label = -1;
  if (value.is_boolean()) {
    label = value.get<bool>() ? 1 : 0;
  } else if (value.is_number_unsigned()) {
    label = static_cast<int64_t>(
        std::min<uint64_t>(value.get<uint64_t>(), static_cast<uint64_t>(classes)));
  } else if (value.is_string()) {
    const std::string text = value.get<std::string>();
    const auto named = std::ranges::find(names, std::string_view(text));
    if (named != names.end()) {
      label = named - names.begin();
    } else if (text.size() == 1 && text[0] >= '0' && text[0] <= '9') {
      label = text[0] - '0';
    }
  }
  LINSCAN_CHECK(label >= 0 && label < classes,
                kInput,
                "{}: expected a class ({}) or its number from 0 to {}, got {}",
                node.where(),
                fmt::join(names, ", "),
                classes - 1,
                value.is_structured() ? value.type_name() : value.dump());
  return label;
}

}  // namespace linscan
