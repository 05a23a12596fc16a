// The checks behind validate_ladder().
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "linscan/base/error.h"
#include "linscan/report/ladder_report.h"
#include "report/json_checks.h"
#include "report/text.h"

namespace linscan {
namespace {

constexpr size_t kMaxRungs = 10000;
constexpr uint64_t kMaxBlocks = 4096;
constexpr size_t kMaxLines = 256;
constexpr size_t kMaxTasks = 64;
constexpr size_t kMaxName = 80;

void check_tasks(const Json& owner, const std::string& where) {
  const auto tasks = owner.find("tasks");
  if (tasks == owner.end() || tasks->is_null()) {
    return;
  }
  require_object(*tasks, where + ".tasks");
  LINSCAN_CHECK(tasks->size() <= kMaxTasks,
                kInput,
                "result: {}.tasks: {} entries, more than {}",
                where,
                tasks->size(),
                kMaxTasks);
  for (const auto& item : tasks->items()) {
    // Names become paths and columns.
    LINSCAN_CHECK(!item.key().empty() && item.key().size() <= kMaxName &&
                      item.key().find('.') == std::string::npos,
                  kInput,
                  "result: {}.tasks: \"{}\" is not a task's name",
                  where,
                  clean_text(std::string_view(item.key()).substr(0, kMaxName)));
    const std::string path = where + ".tasks." + clean_text(item.key());
    require_object(item.value(), path);
    check_optional_number(item.value(), "acc", path);
    check_optional_number(item.value(), "stderr", path);
  }
}

std::string name_of(const Json& rung, const std::string& key, const std::string& where) {
  const Json& value = require(rung, key, where + ".");
  LINSCAN_CHECK(value.is_string() && value.get_ref<const std::string&>().size() <= kMaxName,
                kInput,
                "result: {}.{}: expected a name of at most {} characters",
                where,
                key,
                kMaxName);
  return value.get<std::string>();
}

void check_rung_blocks(const Json& rung, const std::string& where) {
  const auto blocks = rung.find("blocks");
  if (blocks == rung.end() || blocks->is_null()) {
    return;
  }
  LINSCAN_CHECK(blocks->is_array() && blocks->size() <= kMaxBlocks,
                kInput,
                "result: {}.blocks: expected a list of at most {} blocks",
                where,
                kMaxBlocks);
  for (size_t i = 0; i < blocks->size(); ++i) {
    check_count((*blocks)[i], fmt::format("{}.blocks[{}]", where, i));
  }
}

void check_rungs(const Json& rungs) {
  LINSCAN_CHECK(rungs.is_array() && rungs.size() <= kMaxRungs,
                kInput,
                "result: rungs: expected a list of at most {} entries",
                kMaxRungs);
  std::set<std::tuple<std::string, std::string, uint64_t>> seen;
  std::set<std::pair<std::string, std::string>> lines;
  for (size_t i = 0; i < rungs.size(); ++i) {
    const std::string where = fmt::format("rungs[{}]", i);
    const Json& rung = rungs[i];
    require_object(rung, where);
    const Json& k = require(rung, "k", where + ".");
    check_count(k, where + ".k");
    const auto count = k.get<uint64_t>();
    LINSCAN_CHECK(count <= kMaxBlocks,
                  kInput,
                  "result: {}.k: {} blocks, more than {}",
                  where,
                  count,
                  kMaxBlocks);
    const bool first =
        seen.emplace(name_of(rung, "method", where), name_of(rung, "by", where), count).second;
    LINSCAN_CHECK(
        first, kInput, "result: {}: a second rung with this k, method and criterion", where);
    lines.emplace(rung.at("method").get<std::string>(), rung.at("by").get<std::string>());
    LINSCAN_CHECK(lines.size() <= kMaxLines,
                  kInput,
                  "result: rungs: more than {} pairs of method and criterion",
                  kMaxLines);
    for (const char* key : {"perplexity", "kl", "top1", "parameters"}) {
      check_optional_number(rung, key, where);
    }
    check_rung_blocks(rung, where);
    check_tasks(rung, where);
  }
}

}  // namespace

void validate_ladder(const Json& document) {
  check_schema(document, kLadderSchema, "a ladder of edits of one model");
  const Json& model = require_model(document);
  for (const char* key : {"blocks", "hidden", "parameters"}) {
    check_optional_number(model, key, "model");
  }
  for (const char* key : {"data", "evaluation_data", "dense", "software", "compute", "config"}) {
    if (const auto group = document.find(key); group != document.end() && !group->is_null()) {
      require_object(*group, key);
      for (const char* number : {"tokens", "windows", "documents", "ctx", "perplexity"}) {
        check_optional_number(*group, number, key);
      }
    }
  }
  if (const auto dense = document.find("dense"); dense != document.end() && dense->is_object()) {
    check_optional_number(*dense, "parameters", "dense");
    check_tasks(*dense, "dense");
  }
  check_rungs(require(document, "rungs", ""));
  check_string_list(document, "warnings");
}

}  // namespace linscan
