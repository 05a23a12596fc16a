#include "eval/task_readers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "linscan/base/error.h"

namespace linscan {

std::string place_of(const JsonNode& row) {
  std::string where = row.where();
  if (where.ends_with(": $")) where.resize(where.size() - 3);  // the whole line
  return where;
}

TaskItem plain_item(const JsonNode& row,
                    std::string context,
                    std::vector<std::string> choices,
                    int64_t gold) {
  TaskItem item;
  item.where = place_of(row);
  item.contexts = {std::move(context)};
  for (const std::string& choice : choices) {
    item.continuations.push_back(fmt::format(" {}", choice));
  }
  item.gold = gold;
  return item;
}

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

std::vector<std::string> read_strings(const JsonNode& node) {
  std::vector<std::string> strings;
  for (const JsonNode& element : node.elements()) strings.push_back(element.as_string());
  return strings;
}

}  // namespace linscan
