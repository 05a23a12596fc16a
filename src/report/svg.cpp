#include "report/svg.h"

#include <fmt/format.h>

#include "report/text.h"

namespace linscan {

void open_drawing(Markup& svg,
                  const std::string& id,
                  std::string_view title,
                  std::string_view description,
                  double width,
                  double height) {
  svg.open("svg",
           {{"viewBox", fmt::format("0 0 {} {}", px(width), px(height))},
            {"role", "img"},
            {"aria-labelledby", id + "-title " + id + "-desc"}});
  svg.element("title", {{"id", id + "-title"}}, title);
  svg.element("desc", {{"id", id + "-desc"}}, description);
}

void draw_line(Markup& svg, std::string_view css, double x1, double y1, double x2, double y2) {
  svg.leaf("line",
           {{"class", std::string(css)},
            {"x1", px(x1)},
            {"y1", px(y1)},
            {"x2", px(x2)},
            {"y2", px(y2)}});
}

void draw_text(
    Markup& svg, std::string_view css, double x, double y, Anchor anchor, std::string_view text) {
  svg.element("text",
              {{"class", std::string(css)},
               {"x", px(x)},
               {"y", px(y)},
               {"text-anchor",
                anchor == Anchor::kMiddle ? "middle"
                : anchor == Anchor::kEnd  ? "end"
                                          : ""}},
              text);
}

void draw_polyline(Markup& svg,
                   std::string_view css,
                   const std::vector<std::pair<double, double>>& points) {
  std::string list;
  for (const auto& [x, y] : points) {
    list += (list.empty() ? "" : " ") + px(x) + "," + px(y);
  }
  svg.leaf("polyline", {{"class", std::string(css)}, {"points", list}});
}

double text_width(std::string_view text, double font_size) {
  return 0.56 * font_size * display_width(text);
}

}  // namespace linscan
