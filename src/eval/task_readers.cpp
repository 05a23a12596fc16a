#include "eval/task_readers.h"

#include <fmt/format.h>

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

std::vector<std::string> read_strings(const JsonNode& node) {
  std::vector<std::string> strings;
  for (const JsonNode& element : node.elements()) strings.push_back(element.as_string());
  return strings;
}

}  // namespace linscan
