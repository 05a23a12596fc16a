#include "report/html_page.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/document.h"
#include "report/html.h"
#include "report/numbers.h"

namespace linscan {
namespace {

// Nothing is loaded and nothing runs, whatever a result file holds.
constexpr const char* kPolicy = "default-src 'none'; style-src 'unsafe-inline'";

std::string range_text(const Json& definition) {
  const Json* range = find_path(definition, "range");
  if (range == nullptr || !range->is_array()) {
    return "";
  }
  const auto end = [&](size_t i, const char* open) {
    return (*range)[i].is_number() ? significant((*range)[i].get<double>(), 3) : std::string(open);
  };
  return end(0, "−∞") + " to " + end(1, "∞");
}

}  // namespace

void add_groups(Markup& html,
                const Json& document,
                std::initializer_list<std::pair<const char*, const char*>> groups) {
  for (const auto& [key, title] : groups) {
    const Json* group = find_path(document, key);
    if (group != nullptr && group->is_object() && !group->empty()) {
      html.element("h3", title).newline();
      add_properties(html, *group);
    }
  }
}

void add_definitions(Markup& html, const Json& metrics) {
  if (metrics.empty()) {
    return;
  }
  html.open("section", {{"id", "definitions"}}).element("h2", "What the metrics mean").newline();
  html.open("table", {{"class", "words"}}).open("thead").open("tr");
  html.element("th", {{"scope", "col"}}, "metric").element("th", {{"scope", "col"}}, "meaning");
  for (const char* head : {"formula", "range", "source"}) {
    html.element("th", {{"scope", "col"}, {"class", "extra"}}, head);
  }
  html.close().close().newline().open("tbody").newline();
  for (const auto& item : metrics.items()) {
    const auto field = [&](const char* key) {
      const Json* value = find_path(item.value(), key);
      return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
    };
    const std::string direction = field("direction");
    std::string range = range_text(item.value());
    if (direction == "higher" || direction == "lower") {
      range += fmt::format("{}{}: more linear or more alike", range.empty() ? "" : "; ", direction);
    }
    html.open("tr").open("th", {{"scope", "row"}}).text(field("label"));
    html.open("small").element("code", item.key()).close().close();
    html.element("td", field("meaning"));
    html.open("td", {{"class", "extra"}}).element("code", field("formula")).close();
    html.element("td", {{"class", "extra"}}, range);
    html.element("td", {{"class", "extra"}}, field("source")).close().newline();
  }
  html.close().close().close().newline();
}

void open_page(Markup& html, const std::string& title) {
  html.append("<!DOCTYPE html>\n").open("html", {{"lang", "en"}}).newline();
  html.open("head").newline();
  html.leaf("meta", {{"charset", "utf-8"}}).newline();
  html.leaf("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}})
      .newline();
  html.leaf("meta", {{"http-equiv", "Content-Security-Policy"}, {"content", kPolicy}}).newline();
  html.element("title", title).newline();
  html.open("style").append(page_style()).close().newline();
  html.close().newline();
  html.open("body").newline().open("main").newline();
}

void close_page(Markup& html, const std::string& version, const Json& document) {
  html.open("footer")
      .text(
          fmt::format("Written by linscan {}. The complete result stands in this file as JSON, in "
                      "the element with the id ",
                      version))
      .element("code", "result")
      .text(".")
      .close()
      .newline();
  html.close().newline();
  html.open("script", {{"type", "application/json"}, {"id", "result"}})
      .append(script_safe_json(document))
      .close()
      .newline();
  html.close().newline().close().newline();
}

void add_header(Markup& html,
                const std::string& title,
                const std::vector<std::string>& leads,
                const std::vector<Fact>& facts) {
  html.open("header").newline();
  html.element("h1", title).newline();
  for (const std::string& lead : leads) {
    html.element("p", {{"class", "lead"}}, lead).newline();
  }
  html.open("dl", {{"class", "facts"}}).newline();
  for (const Fact& fact : facts) {
    html.open("div").element("dt", fact.label).open("dd").text(fact.value);
    if (!fact.note.empty()) {
      html.element("small", fact.note);
    }
    html.close().close().newline();
  }
  html.close().close().newline();
}

void add_titled_facts(Markup& html,
                      const std::string& title,
                      const std::vector<std::pair<std::string, std::string>>& facts) {
  html.open("header").newline().element("h1", title).newline();
  html.open("dl", {{"class", "properties"}}).newline();
  for (const auto& [label, fact] : facts) {
    html.open("div").element("dt", label).element("dd", fact).close().newline();
  }
  html.close().newline().close().newline();
}

void add_list(Markup& html, const std::vector<std::string>& lines) {
  html.open("ul").newline();
  for (const std::string& line : lines) {
    html.element("li", line).newline();
  }
  html.close();
}

void add_warnings(Markup& html,
                  const std::string& title,
                  const std::vector<std::string>& warnings) {
  if (warnings.empty()) {
    return;
  }
  html.open("section", {{"class", "warnings"}, {"aria-label", title}});
  html.element("h2", title).newline();
  add_list(html, warnings);
  html.close().newline();
}

void add_figure(Markup& html,
                const Figure& figure,
                size_t number,
                const std::vector<std::string>& missing,
                const std::function<void()>& data) {
  html.open("figure", {{"id", figure.id}}).newline();
  html.open("h2").element("span", std::to_string(number)).text(figure.title).close().newline();
  html.append(figure.drawing).newline();
  html.open("figcaption").newline();
  html.element("p", figure.reading).newline();
  html.element("p", {{"class", "caveat"}}, figure.caveat).newline();
  for (const std::string& note : missing) {
    html.element("p", {{"class", "gaps"}}, "Missing: " + note).newline();
  }
  html.close().newline();
  html.open("details").element("summary", "Data of this figure").newline();
  data();
  html.close().close().newline();
}

void close_with_protocol(Markup& html,
                         const Json& document,
                         const char* heading,
                         std::initializer_list<std::pair<const char*, const char*>> groups) {
  html.open("section", {{"id", "protocol"}}).element("h2", heading).newline();
  add_groups(html, document, groups);
  html.close().newline();
  close_page(html, text_at(document, "software.linscan"), document);
}

}  // namespace linscan
