// Builds HTML and SVG text. The one place where text is escaped for them: what goes through text()
// or an attribute value can hold anything, also control characters and invalid UTF-8.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace linscan {

// &, <, >, " and ' as entities, after clean_text().
std::string escape_markup(std::string_view text);

class Markup {
 public:
  // An attribute with an empty value is left out.
  using Attributes = std::initializer_list<std::pair<std::string_view, std::string>>;

  Markup& open(std::string_view tag, Attributes attributes = {});
  Markup& close();
  // <tag attributes/>
  Markup& leaf(std::string_view tag, Attributes attributes = {});
  // <tag attributes>text</tag>
  Markup& element(std::string_view tag, Attributes attributes, std::string_view text);
  Markup& element(std::string_view tag, std::string_view text) { return element(tag, {}, text); }
  Markup& text(std::string_view text);
  // Markup made by another builder, as it is.
  Markup& append(std::string_view markup);
  Markup& newline();

  // The finished text; every element must be closed.
  std::string take();

 private:
  void start(std::string_view tag, Attributes attributes);

  std::string out_;
  std::vector<std::string> open_;
};

// Pixel coordinates: one decimal, none where it is zero.
std::string px(double value);

}  // namespace linscan
