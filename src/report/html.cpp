#include "report/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "report/text.h"

namespace linscan {
namespace {

constexpr size_t kShownItems = 32;  // of a list in the protocol; the embedded result has all

// "held_out_ci" -> "held out interval", "rank.8" -> "rank 8".
std::string head_text(const Column& column, std::string_view prefix) {
  std::string head =
      column.path.starts_with(prefix) ? column.path.substr(prefix.size()) : column.path;
  if (column.interval && head.ends_with("_ci")) {
    head.replace(head.size() - 3, 3, " interval");
  }
  std::replace(head.begin(), head.end(), '_', ' ');
  std::replace(head.begin(), head.end(), '.', ' ');
  return head;
}

// What the registry says about a metric, for the tooltip of its column.
std::string head_note(const ResultDocument& analysis, const Column& column) {
  std::string note = column.path;
  const Json* definition = analysis.definition(column.path);
  const Json* meaning = definition == nullptr ? nullptr : find_path(*definition, "meaning");
  if (meaning != nullptr && meaning->is_string()) {
    note += ": " + meaning->get_ref<const std::string&>();
  }
  return note;
}

void add_row(Markup& html, const Row& row, const std::vector<Column>& columns) {
  html.open("tr").element("th", {{"scope", "row"}}, row_label(row));
  for (const Column& column : columns) {
    if (row.name() == "post_norm" && of_blocks_only(column.path)) {
      html.element("td", "");
      continue;
    }
    const bool missing = cell_missing(row, column);
    html.element(
        "td",
        {{"class", missing ? "missing" : ""}, {"title", missing ? row.reason(column.path) : ""}},
        cell_text(row, column));
  }
  html.close().newline();
}

// The line of groups, each over its columns; nothing where no column has one.
void add_group_heads(Markup& html, const TextTable& table) {
  const auto& columns = table.columns;
  if (std::all_of(columns.begin(), columns.end(), [](const auto& column) {
        return column.group.empty();
      })) {
    return;
  }
  html.open("tr");
  for (size_t c = 0; c < columns.size();) {
    size_t end = c + 1;
    while (end < columns.size() && columns[end].group == columns[c].group) {
      ++end;
    }
    html.element("th",
                 {{"scope", "colgroup"},
                  {"class", "group"},
                  {"colspan", end - c > 1 ? std::to_string(end - c) : ""}},
                 columns[c].group);
    c = end;
  }
  html.close().newline();
}

void add_property(Markup& html, const std::string& name, const Json& value) {
  if (value.is_object()) {
    for (const auto& item : value.items()) {
      add_property(html, name.empty() ? item.key() : name + "." + item.key(), item.value());
    }
    return;
  }
  html.open("div").element("dt", name).element("dd", value_text(value)).close().newline();
}

}  // namespace

void add_metric_table(Markup& html,
                      const ResultDocument& analysis,
                      const std::vector<Column>& columns,
                      std::string_view prefix) {
  html.open("div", {{"class", "scroll"}, {"tabindex", "0"}}).open("table").newline();
  html.open("thead").open("tr").element("th", {{"scope", "col"}}, "block");
  for (const Column& column : columns) {
    html.element("th",
                 {{"scope", "col"}, {"title", head_note(analysis, column)}},
                 head_text(column, prefix));
  }
  html.close().close().newline().open("tbody").newline();
  const bool blocks_only = std::all_of(columns.begin(), columns.end(), [](const Column& column) {
    return of_blocks_only(column.path);
  });
  for (const Row& row : blocks_only ? analysis.blocks() : analysis.rows()) {
    add_row(html, row, columns);
  }
  html.close().close().close().newline();
}

void add_text_table(Markup& html, const TextTable& table, const std::vector<std::string>& keys) {
  html.open("div", {{"class", "scroll"}, {"tabindex", "0"}}).open("table").newline();
  html.open("thead");
  add_group_heads(html, table);
  html.open("tr");
  for (const TextTable::Column& column : table.columns) {
    html.element("th", {{"scope", "col"}, {"class", column.left ? "left" : ""}}, column.head);
  }
  html.close().close().newline().open("tbody").newline();
  for (size_t r = 0; r < table.rows.size(); ++r) {
    html.open("tr").open("th",
                         {{"scope", "row"}, {"class", table.columns.front().left ? "left" : ""}});
    html.append(r < keys.size() ? keys[r] : "").text(table.rows[r].front()).close();
    for (size_t c = 1; c < table.columns.size(); ++c) {
      html.element("td", {{"class", table.columns[c].left ? "left" : ""}}, table.rows[r][c]);
    }
    html.close().newline();
  }
  html.close().close().close().newline();
}

std::string value_text(const Json& json) {
  if (json.is_string()) {
    return json.get_ref<const std::string&>();
  }
  if (json.is_null()) {
    return std::string(kMissingMark);
  }
  if (json.is_array()) {
    std::string out;
    for (size_t i = 0; i < json.size() && i < kShownItems; ++i) {
      out += (i == 0 ? "" : ", ") + value_text(json[i]);
    }
    if (json.size() > kShownItems) {
      out += fmt::format(" … ({} in all)", json.size());
    }
    return json.empty() ? "none" : out;
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void add_properties(Markup& html, const Json& json) {
  html.open("dl", {{"class", "properties"}}).newline();
  add_property(html, "", json);
  html.close().newline();
}

std::string script_safe_json(const Json& json) {
  std::string out;
  for (const char c : json.dump(-1, ' ', false, Json::error_handler_t::replace)) {
    switch (c) {
      case '<':
        out += "\\u003c";
        break;
      case '>':
        out += "\\u003e";
        break;
      case '&':
        out += "\\u0026";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace linscan
