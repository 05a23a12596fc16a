// Pieces that every drawing shares.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "report/markup.h"

namespace linscan {

enum class Anchor { kStart, kMiddle, kEnd };

// Opens <svg> of this size with a name and a description for screen readers.
void open_drawing(Markup& svg,
                  const std::string& id,
                  std::string_view title,
                  std::string_view description,
                  double width,
                  double height);

void draw_line(Markup& svg, std::string_view css, double x1, double y1, double x2, double y2);
void draw_text(
    Markup& svg, std::string_view css, double x, double y, Anchor anchor, std::string_view text);
void draw_polyline(Markup& svg,
                   std::string_view css,
                   const std::vector<std::pair<double, double>>& points);

// Width of text in a typical sans-serif face, in pixels. A guess: the reader's font is not known
// here.
double text_width(std::string_view text, double font_size);

}  // namespace linscan
