// Text that came from a file, made safe for where it is shown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace linscan {

// Control characters (C0, DEL, C1), bidirectional overrides and invalid UTF-8 become U+FFFD; tab
// and newline a space.
std::string clean_text(std::string_view text);

// Columns on a terminal of clean text: code points, combining marks not counted.
int display_width(std::string_view text);
std::string pad_left(std::string_view text, int width);
std::string pad_right(std::string_view text, int width);

// Breaks clean text at spaces so that no line is wider than `width` (a longer word stays whole).
std::vector<std::string> wrap_text(std::string_view text, int width);

// "label     text": clean text wrapped for a terminal, later lines under the first. Ends with a
// line break.
std::string labelled_text(std::string_view label, std::string_view text, int label_width = 10);

// One RFC 4180 field: quoted where it holds a comma, a quote or a line break.
std::string csv_field(std::string_view text);

// Inline Markdown: clean text in which nothing is markup, also not the bar of a table cell.
std::string markdown_text(std::string_view text);

// A second-level heading with a list under it, nothing for no lines; both escaped.
std::string markdown_list(std::string_view title, const std::vector<std::string>& lines);

// "a", "a and b", "a, b and c".
std::string join_words(const std::vector<std::string>& words);

// The last component of a path, the whole text where there is none.
std::string last_component(std::string_view path);

}  // namespace linscan
