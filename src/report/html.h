// Pieces of the HTML report.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/columns.h"
#include "report/document.h"
#include "report/markup.h"
#include "report/text_table.h"

namespace linscan {

// The style sheet of the page: type, colours for light, dark and print, marks of the drawings.
std::string_view page_style();

// A table of these columns, one row per block and, where any of them applies to it, one for the
// post-norm point. Missing cells say
// why when the pointer rests on them. `prefix` is stripped from the paths in the heads.
void add_metric_table(Markup& html,
                      const ResultDocument& analysis,
                      const std::vector<Column>& columns,
                      std::string_view prefix);

// A table of finished cells, heads with groups over their columns. `keys` is markup before the
// first cell of each row; may be empty.
void add_text_table(Markup& html, const TextTable& table, const std::vector<std::string>& keys);

// A definition list of everything in `json`, nested objects as dotted names.
void add_properties(Markup& html, const Json& json);

// A JSON document as the content of a <script type="application/json">: no text in it can end that
// element.
std::string script_safe_json(const Json& json);

// A JSON value in one line for people: strings without quotes, lists with commas.
std::string value_text(const Json& json);

}  // namespace linscan
