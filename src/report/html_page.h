// The frame that every page shares: head, figures with caption and data, definitions, the embedded
// document.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "report/facts.h"
#include "report/figures.h"
#include "report/markup.h"

namespace linscan {

// Everything up to the first element of <main>; close_page() ends it, with the document inside.
void open_page(Markup& html, const std::string& title);
void close_page(Markup& html, const std::string& version, const Json& document);

// Title, one line each of what it is about, and what must be known before any number.
void add_header(Markup& html,
                const std::string& title,
                const std::vector<std::string>& leads,
                const std::vector<Fact>& facts);

// Title, and label and value of what must be known.
void add_titled_facts(Markup& html,
                      const std::string& title,
                      const std::vector<std::pair<std::string, std::string>>& facts);

void add_list(Markup& html, const std::vector<std::string>& lines);
// A box that cannot be overlooked; nothing for an empty list.
void add_warnings(Markup& html, const std::string& title, const std::vector<std::string>& warnings);

// Drawing, how to read it, what is missing; `data` adds the table that opens under it.
void add_figure(Markup& html,
                const Figure& figure,
                size_t number,
                const std::vector<std::string>& missing,
                const std::function<void()>& data);

// Named parts of a document, each with a heading, under how it was made; parts that are absent are
// left out.
void add_groups(Markup& html,
                const Json& document,
                std::initializer_list<std::pair<const char*, const char*>> groups);

// The last section of a page, how the result came about, and the end of the page.
void close_with_protocol(Markup& html,
                         const Json& document,
                         const char* heading,
                         std::initializer_list<std::pair<const char*, const char*>> groups);

// Label, meaning, formula, range and source of each entry of a result's "metrics".
void add_definitions(Markup& html, const Json& metrics);

}  // namespace linscan
