#include "report/document.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <set>

#include "linscan/report/report.h"
#include "report/text.h"

namespace linscan {
namespace {

const Json* find_child(const Json& json, std::string_view key) {
  if (json.is_array() && json.size() == 2 && (key == "low" || key == "high")) {
    return &json[key == "low" ? 0 : 1];
  }
  if (!json.is_object()) {
    return nullptr;
  }
  const auto it = json.find(std::string(key));
  return it == json.end() ? nullptr : &*it;
}

// "a.b.c" -> "a.b" -> "a" -> "".
std::string_view parent_path(std::string_view path) {
  const size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

// The entry of a table keyed by dotted paths for this path or the nearest group above it.
const Json* find_nearest(const Json& table, std::string_view path) {
  for (; !path.empty(); path = parent_path(path)) {
    if (const auto it = table.find(std::string(path)); it != table.end()) {
      return &*it;
    }
  }
  return nullptr;
}

}  // namespace

const Json* find_path(const Json& json, std::string_view path) {
  const Json* at = &json;
  while (at != nullptr && !path.empty()) {
    const size_t dot = path.find('.');
    at = find_child(*at, path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return at;
}

std::string text_at(const Json& json, std::string_view path) {
  const Json* value = find_path(json, path);
  return value != nullptr && value->is_string() ? clean_text(value->get_ref<const std::string&>())
                                                : std::string();
}

Number number_at(const Json& json, std::string_view path) {
  const Json* value = find_path(json, path);
  return value != nullptr && value->is_number() ? Number(value->get<double>()) : std::nullopt;
}

Number Row::number(std::string_view path) const {
  return number_at(*json_, path);
}

std::string Row::reason(std::string_view path) const {
  const Json* missing = find_path(*json_, "missing");
  const Json* entry = missing == nullptr ? nullptr : find_nearest(*missing, path);
  if (missing != nullptr && entry == nullptr) {
    entry = find_nearest(*missing, "*");  // the whole row failed
  }
  return entry == nullptr ? "not computed in this run"
                          : clean_text(entry->get_ref<const std::string&>());
}

ResultDocument::ResultDocument(const Json& document) : json_(&document) {
  validate_analysis(document);
  const Json& blocks = document.at("blocks");
  blocks_.reserve(blocks.size());
  for (size_t i = 0; i < blocks.size(); ++i) {
    blocks_.emplace_back(blocks[i], std::to_string(i));
  }
  if (const Json* post = find_path(document, "post_norm"); post != nullptr && post->is_object()) {
    post_norm_.emplace(*post, "post_norm");
  }
  if (const Json* first = find_path(document, "embedding");
      first != nullptr && first->is_object()) {
    embedding_.emplace(*first, "embedding");
  }
}

std::vector<Row> ResultDocument::rows() const {
  std::vector<Row> rows = blocks_;
  if (post_norm_) {
    rows.push_back(*post_norm_);
  }
  return rows;
}

int64_t ResultDocument::n() const {
  return json_->at("n").get<int64_t>();
}
int64_t ResultDocument::d() const {
  return json_->at("d").get<int64_t>();
}

std::string ResultDocument::model_name() const {
  const std::string name = last_component(text("model.path"));
  return name.empty() || name == "." ? text("model.family") : name;
}

std::string ResultDocument::text(std::string_view path) const {
  return text_at(*json_, path);
}

Number ResultDocument::document_number(std::string_view path) const {
  return number_at(*json_, path);
}

std::vector<std::string> ResultDocument::warnings() const {
  std::vector<std::string> out;
  if (const Json* list = find_path(*json_, "warnings"); list != nullptr) {
    for (const Json& item : *list) {
      out.push_back(clean_text(item.get_ref<const std::string&>()));
    }
  }
  return out;
}

bool ResultDocument::any(std::string_view path) const {
  for (const Row& row : blocks_) {
    if (row.number(path)) {
      return true;
    }
  }
  return post_norm_ && post_norm_->number(path);
}

std::vector<int64_t> ResultDocument::ranks() const {
  std::set<int64_t> ranks;
  for (const Row& row : rows()) {
    const Json* group = find_path(row.json(), "baselines.rank");
    if (group == nullptr || !group->is_object()) {
      continue;
    }
    for (const auto& item : group->items()) {
      const std::string& key = item.key();
      int64_t rank = 0;
      std::from_chars(key.data(), key.data() + key.size(), rank);
      ranks.insert(rank);
    }
  }
  return {ranks.begin(), ranks.end()};
}

const Json* ResultDocument::definition(std::string_view path) const {
  const Json* metrics = find_path(*json_, "metrics");
  return metrics == nullptr ? nullptr : find_nearest(*metrics, path);
}

}  // namespace linscan
