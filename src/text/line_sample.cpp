#include "text/line_sample.h"

#include <algorithm>
#include <utility>

namespace linscan {

void LineSample::add(std::string_view line) {
  const uint64_t number = random_.next();
  const int64_t place = lines_++;
  if (number >= limit_) return;
  kept_.push({number, place, std::string(line)});
  bytes_ += static_cast<int64_t>(line.size());
  while (bytes_ > budget_) {
    limit_ = kept_.top().number;
    bytes_ -= static_cast<int64_t>(kept_.top().line.size());
    kept_.pop();
  }
}

std::vector<std::string> LineSample::take() {
  std::vector<Drawn> drawn;
  while (!kept_.empty()) {
    drawn.push_back(kept_.top());
    kept_.pop();
  }
  std::ranges::sort(drawn, {}, &Drawn::place);
  std::vector<std::string> lines;
  for (Drawn& one : drawn) lines.push_back(std::move(one.line));
  return lines;
}

}  // namespace linscan
