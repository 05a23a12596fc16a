// The rungs of a ladder, by method and criterion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "linscan/base/json.h"
#include "report/facts.h"
#include "report/numbers.h"
#include "report/text_table.h"

namespace linscan {

struct LadderRung {
  int64_t k = 0;
  std::string blocks;  // "2, 4"
  const Json* json = nullptr;

  Number number(std::string_view path) const;
};

// One method with one criterion, by ascending k.
struct LadderLine {
  std::string method;
  std::string by;
  std::vector<LadderRung> rungs;
};

// What is measured on every rung.
struct LadderFigure {
  std::string path;   // "perplexity", "tasks.arc_easy.acc"
  std::string error;  // path of its standard error, may be empty
  std::string title;
  std::string label;  // of an axis
  bool lower_is_better = false;
};

// A validated document, which must outlive this.
class LadderDocument {
 public:
  explicit LadderDocument(const Json& document);

  const Json& json() const { return *json_; }
  std::string model_name() const;
  const std::vector<LadderLine>& lines() const { return lines_; }  // in the order of the document
  const std::vector<std::string>& methods() const { return methods_; }
  const std::vector<std::string>& criteria() const { return criteria_; }
  // Of the tasks of all rungs and of the dense model, in the order of the document.
  const std::vector<std::string>& tasks() const { return tasks_; }
  int64_t largest_k() const { return largest_k_; }
  Number dense(std::string_view path) const;
  std::vector<Fact> facts() const;
  std::vector<std::string> warnings() const;

  // Perplexity, KL and the tasks, those that any rung has.
  std::vector<LadderFigure> figures() const;
  // One row per method and criterion, one column per k; k = 0 is the dense model. Cut where a table
  // would have more columns of numbers.
  std::vector<TextTable> tables(const LadderFigure& figure, size_t most_columns) const;
  // For every k of the first dozen the line with the lowest perplexity, one sentence each.
  std::vector<std::string> summary() const;

 private:
  std::string cell(const LadderLine& line, int64_t k, const LadderFigure& figure) const;

  const Json* json_;
  std::vector<LadderLine> lines_;
  std::vector<std::string> methods_, criteria_, tasks_;
  int64_t largest_k_ = 0;
};

}  // namespace linscan
